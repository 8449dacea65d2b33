"""The flows that `panelstream flows run` knows."""

from collections.abc import Callable, Mapping
from pathlib import Path

from panelstream.analysis.estimation.estimates import Results
from panelstream.flows.scheduled.full_run import study_flow

FLOWS: Mapping[str, Callable[..., tuple[Path, Results]]] = {"study": study_flow}
"""By its name, a flow that takes the texts `study` and `out`, and whether it is `strict`.

It returns the path of the report that it wrote, and the results.
"""
