"""The tasks of the scheduled flows: each calls a function of `flows/`."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task, get_run_logger, task
from prefect.artifacts import create_link_artifact
from prefect.cache_policies import NO_CACHE

from panelstream.flows import folder_import, panels, results_folder
from panelstream.flows.analyse_study import StudyAnalysis, analyse_study
from panelstream.flows.panels import Panels
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import InputRejected, PanelstreamError, Unreachable

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def _is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Whether trying again can help; for a mistake in a file it cannot."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, Unreachable) or not isinstance(error, PanelstreamError)


def step(
    name: str,
) -> Callable[[Callable[Parameters, Result]], Task[Parameters, Result]]:
    """A task that may be repeated: importing and building again changes nothing."""
    return task(
        name=name,
        retries=2,
        retry_delay_seconds=5,
        retry_condition_fn=_is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


@step("import")
def import_folder(workspace: Workspace, strict: bool) -> None:
    """Roster, events and survey exports of the folder.

    Raises `InputRejected` where `strict` withheld an export.
    """
    logger = get_run_logger()
    result = folder_import.import_folder(workspace, strict=strict)
    for line in result.lines():
        logger.info(line)
    if result.withheld:
        names = ", ".join(plan.imported.summary.origin for plan in result.withheld)
        raise InputRejected(
            f"not stored: {names}; look at the questions, then import it with "
            "'panelstream responses', or run the flow with --no-strict"
        )


@step("panel")
def build_panels(workspace: Workspace) -> Panels:
    """The panel of each window."""
    return panels.build(workspace, say=get_run_logger().info)


@step("analyse")
def analyse(workspace: Workspace, built: Panels) -> StudyAnalysis:
    """The plan, fitted and judged; whether it is locked, and what has no number."""
    analysis, logger = analyse_study(workspace, built), get_run_logger()
    for line in analysis.plan_status.lines():
        logger.info(line)
    without = int(analysis.results.estimates["estimate"].isna().sum())
    if without:
        logger.warning("planned coefficients without a number: %s", without)
    return analysis


@step("report")
def write_report(analysis: StudyAnalysis, out: Path) -> Path:
    """The results folder, and an artifact that links the report."""
    path = results_folder.write_results(analysis, out)
    create_link_artifact(
        link=path.resolve().as_uri(), link_text=path.name, key="report"
    )
    return path


class _OneLine(logging.Filter):
    """A user's mistake is one line in the log too, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], PanelstreamError):
            record.exc_info = None
        return True


for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(_OneLine())
