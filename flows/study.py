"""The Prefect flow `study`: import → panel → analyse → report, each step a task."""

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_link_artifact

from flows import imports, panels, results
from flows.panels import Panels
from flows.results import Analysis
from flows.workspace import Workspace, open_workspace

_RETRIES = {"retries": 2, "retry_delay_seconds": 5, "persist_result": False, "cache_policy": None}
"""Every step can be repeated: importing and building again changes nothing."""


@flow(name="study", persist_result=False)
def study_flow(study: str = ".", out: str = "results") -> Path:
    """Bring in what lies in the study folder, analyse it, and link the report."""
    with open_workspace(Path(study)) as workspace:
        import_task(workspace)
        built = panel_task(workspace)
        analysis = analyse_task(workspace, built)
        return report_task(analysis, Path(out))


@task(name="import", **_RETRIES)
def import_task(workspace: Workspace) -> None:
    """Roster, events and survey exports of the folder."""
    imports.import_folder(workspace)


@task(name="panel", **_RETRIES)
def panel_task(workspace: Workspace) -> Panels:
    """The panel of each window."""
    return panels.build(workspace)


@task(name="analyse", **_RETRIES)
def analyse_task(workspace: Workspace, built: Panels) -> Analysis:
    """The plan, fitted and judged."""
    return results.analyse(workspace, built)


@task(name="report", **_RETRIES)
def report_task(analysis: Analysis, out: Path) -> Path:
    """The results folder, and an artifact that links the report."""
    path = results.write(analysis, out).resolve()
    create_link_artifact(link=path.as_uri(), link_text=path.name, key="report")
    return path
