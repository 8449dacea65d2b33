"""panelstream: from platform events and survey waves to a longitudinal report.

In a notebook:

    import panelstream

    study = panelstream.open("study1")
    panel = study.panel()
    users = study.query("SELECT function, count() FROM study_events GROUP BY function")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from panelstream.flows.notebook import OpenStudy

__all__ = ["open"]
__version__ = "0.1.0"


def open(study: str | Path | None = None) -> OpenStudy:
    """Open a study to read its panel, estimates, codebook and views.

    `study` is its folder (default: PANELSTREAM_STUDY, else the current folder). Raises
    `FileError` where the study file is wrong, `SettingError` for a wrong setting.
    """
    # Imported here, so that `import panelstream` loads no heavy library.
    from panelstream.flows.notebook import open_study

    return open_study(study)
