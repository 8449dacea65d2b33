"""The Prefect flow `study`: import → panel → analyse → report, each step a task."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task, flow, get_run_logger, task
from prefect.artifacts import create_link_artifact
from prefect.cache_policies import NO_CACHE

from panelstream.analysis.estimation.estimates import Results
from panelstream.flows import imports, panels, results_folder
from panelstream.flows.analyse_study import StudyAnalysis, analyse_study
from panelstream.flows.panels import Panels
from panelstream.flows.workspace import Workspace, open_workspace
from panelstream.models.errors import PanelstreamError, Unreachable

Given = ParamSpec("Given")
Made = TypeVar("Made")


def _may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Whether trying again can help: a mistake in a file stays one."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, Unreachable) or not isinstance(error, PanelstreamError)


def step(name: str) -> Callable[[Callable[Given, Made]], Task[Given, Made]]:
    """A task that may be repeated: importing and building again changes nothing."""
    return task(
        name=name,
        retries=2,
        retry_delay_seconds=5,
        retry_condition_fn=_may_pass,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


@step("import")
def import_folder(workspace: Workspace) -> None:
    """Roster, events and survey exports of the folder."""
    logger = get_run_logger()
    for line in imports.import_folder(workspace).lines():
        logger.info(line)


@step("panel")
def build_panels(workspace: Workspace) -> Panels:
    """The panel of each window."""
    return panels.build(workspace, say=get_run_logger().info)


@step("analyse")
def analyse(workspace: Workspace, built: Panels) -> StudyAnalysis:
    """The plan, fitted and judged; whether it is locked, and what has no number."""
    made, logger = analyse_study(workspace, built), get_run_logger()
    for line in made.plan_status.lines():
        logger.info(line)
    without = int(made.results.estimates["estimate"].isna().sum())
    if without:
        logger.warning("planned coefficients without a number: %s", without)
    return made


@step("report")
def write_report(analysis: StudyAnalysis, out: Path) -> Path:
    """The results folder, and an artifact that links the report."""
    path = results_folder.write_results(analysis, out)
    create_link_artifact(
        link=path.resolve().as_uri(), link_text=path.name, key="report"
    )
    return path


@flow(name="study", persist_result=False)
def study_flow(study: str = ".", out: str = "results") -> tuple[Path, Results]:
    """Bring in what lies in the study folder, analyse it, and link the report.

    Returns where the report is, and what it reports.
    """
    with open_workspace(Path(study)) as workspace:
        import_folder(workspace)
        built = build_panels(workspace)
        analysis = analyse(workspace, built)
        return write_report(analysis, Path(out)), analysis.results


class _OneLine(logging.Filter):
    """A user's mistake is one line in the log too, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], PanelstreamError):
            record.exc_info = None
        return True


for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(_OneLine())
