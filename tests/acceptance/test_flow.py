"""The Prefect flow on a real server that runs already; without one: test_lifesnaps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from panelstream.flows.scheduled import prefect_server
from tests.lib import streams
from tests.lib.command import Ran, panelstream
from tests.lib.prefect_api import ask
from tests.lib.shared import copy_simulated_study, plan_one_outcome


@dataclass(frozen=True)
class Run:
    """A finished `flows run study`: what was shown, and where its results are."""

    ran: Ran
    results: Path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated study's folder, with one planned outcome."""
    folder = tmp_path_factory.mktemp("flow") / "study"
    copy_simulated_study(tmp_path_factory, folder)
    plan_one_outcome(folder, sensitivity=["lead"])
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a Prefect server with records of its own."""
    home, port = tmp_path_factory.mktemp("prefect"), streams.free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        with prefect_server.start_server("127.0.0.1", port, home / "log", print):
            yield f"http://127.0.0.1:{port}/api"


@pytest.fixture(scope="module")
def run(study: Path, server: str) -> Run:
    """The flow, run once on the study."""
    out = study.parent / "results"
    words = ("flows", "run", "study", "--study", study, "--out", out)
    return Run(panelstream(*words, PREFECT_API_URL=server), out)


def test_flow_runs_its_four_tasks_and_links_the_report(run: Run, server: str) -> None:
    """import, panel, analyse and report complete; an artifact links the report."""
    tasks = {task["name"].split("-")[0]: task for task in ask(server, "task_runs")}
    for name in ("import", "panel", "analyse", "report"):
        assert tasks[name]["state_name"] == "Completed", run.ran.shown
    assert (run.results / "public" / "report.html").exists()
    links = [artifact["data"] for artifact in ask(server, "artifacts")]
    assert any("report.html" in link for link in links)


def test_what_has_no_number_is_said_by_the_exit_code(run: Run) -> None:
    """Three waves are too few for the leads: the report is there, and the code is 6."""
    assert run.ran.code == 6
    assert "functions.lead of" in run.ran.shown
    assert "planned coefficients have no number" in run.ran.err
    assert (run.results / "public" / "report.html").exists()


def test_mistake_inside_the_flow_is_one_line(
    run: Run, study: Path, server: str, tmp_path: Path
) -> None:
    """A wrong header stops the flow at once: no retries, no traceback, exit code 3."""
    assert run.ran.code == 6  # the study itself is right
    extra = study / "responses" / "wave3_extra.csv"
    extra.write_text("platform_id,submitted_at,unheard_of\n")
    words = ("flows", "run", "study", "--study", study, "--out", tmp_path / "r")
    result = panelstream(*words, PREFECT_API_URL=server)
    quiet = panelstream("--quiet", *words, PREFECT_API_URL=server)
    extra.unlink()
    assert result.code == quiet.code == 3
    assert "wave3_extra.csv:column 3: this header is not mapped" in result.err
    assert "Traceback" not in result.shown
    assert "Beginning flow run" not in quiet.shown
