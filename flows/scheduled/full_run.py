"""The Prefect flow `study`: import → panel → analyse → report, each step a task."""

import os
from pathlib import Path

from prefect import flow

from panelstream.analysis.estimation.estimates import Results
from panelstream.flows.scheduled.tasks import (
    analyse,
    build_panels,
    import_folder,
    write_report,
)
from panelstream.flows.workspace import open_workspace
from panelstream.models.settings.environment import Settings


@flow(name="study", persist_result=False)
def study_flow(
    study: str = ".", out: str = "results", strict: bool = True
) -> tuple[Path, Results]:
    """Import what is in the study folder, analyse it, and link the report.

    An export in which something is odd is not stored, and fails the run; not so without
    `strict`. Reads the environment, as it may run in a process of its own. Returns the
    path of the report, and the results that it shows.
    """
    with open_workspace(Settings.from_environ(os.environ, Path(study))) as workspace:
        import_folder(workspace, strict)
        built = build_panels(workspace)
        analysis = analyse(workspace, built)
        return write_report(analysis, Path(out)), analysis.results
