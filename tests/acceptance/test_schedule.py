"""A study served by the clock: a real Prefect server makes the run, and it is done."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from panelstream.flows.scheduled import prefect_server, schedule
from panelstream.flows.scheduled.schedule import next_run
from tests.lib import streams
from tests.lib.command import panelstream
from tests.lib.prefect_api import ask
from tests.lib.shared import copy_simulated_study

ROOT = Path(__file__).parents[2]
PATIENCE = 600
"""Seconds: the next minute, a server's start and a run, on a machine with much to do."""

EVERY_MINUTE = 'schedule: {study: "* * * * *"}\n'


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated study that is due every minute."""
    folder = tmp_path_factory.mktemp("schedule") / "study"
    copy_simulated_study(tmp_path_factory, folder)
    path = folder / "study.yaml"
    path.write_text(path.read_text() + EVERY_MINUTE)
    return folder


def environment(home: Path, port: int) -> dict[str, str]:
    """This one, with records of Prefect's own and a port for its server."""
    names = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    places = {"PREFECT_HOME": str(home), "PREFECT_SERVER_API_PORT": str(port)}
    return {**names, **places, "PYTHONPATH": str(ROOT)}


@contextmanager
def serving(study: Path, log: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """`panelstream flows serve` in a process of its own, killed at the end if it lives."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "panelstream.flows.cli",
                "flows",
                "serve",
                str(study),
            ],
            env=environment(log.parent / "prefect", port),
            cwd=study.parent,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(
    condition: Callable[[], Any], process: "subprocess.Popen[bytes]", log: Path
) -> None:
    """Wait until something holds; fails with the log if the process ends or time does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.5)


def test_the_flow_runs_by_the_clock(study: Path, tmp_path: Path) -> None:
    """Made by the schedule, done, the report new; Ctrl-C ends it and its server."""
    port, log = streams.free_port(), tmp_path / "serve.log"
    api = f"http://127.0.0.1:{port}/api"
    report = study / "results" / "public" / "report.html"
    assert not report.exists()
    with serving(study, log, port) as process:

        def completed() -> bool:
            return any(
                run["state_type"] == "COMPLETED" for run in ask(api, "flow_runs")
            )

        until(completed, process, log)
        run = next(r for r in ask(api, "flow_runs") if r["state_type"] == "COMPLETED")
        [served] = ask(api, "deployments")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, log.read_text()
    assert run["auto_scheduled"]
    assert run["deployment_id"] == served["id"]
    assert report.stat().st_size > 10_000
    assert served["name"] == "u2plus-panel"
    assert served["schedules"][0]["schedule"]["cron"] == "* * * * *"
    assert served["schedules"][0]["schedule"]["timezone"] == "Asia/Tokyo"
    assert not prefect_server.occupied("127.0.0.1", port)
    output = log.read_text()
    assert "serving flow study/u2plus-panel at '* * * * *' (Asia/Tokyo)" in output


def test_a_port_that_is_taken(study: Path, tmp_path: Path) -> None:
    """Another program on the server's port: one line with the remedy, exit code 5."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        places: dict[str, Any] = {
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_HOME": str(tmp_path),
        }
        result = panelstream("flows", "serve", study, **places)
    assert result.code == 5
    assert f"port {port} of 127.0.0.1 is taken by another program" in result.err
    assert result.shown.count("\n") == 1


BOTH = [("flows", "serve"), ("flows", "run", "study", "--study")]


@pytest.mark.parametrize("words", BOTH)
def test_a_server_that_does_not_answer(study: Path, words: tuple[str, ...]) -> None:
    """The server that was named is not there: its address, exit code 5."""
    address = f"http://127.0.0.1:{streams.free_port()}/api"
    result = panelstream(*words, study, PREFECT_API_URL=address)
    assert result.code == 5
    assert f"{address} does not answer" in result.err
    assert "Traceback" not in result.shown


def test_passwords_are_not_shown() -> None:
    """An address is shown without what lets somebody in."""
    address = prefect_server.without_password("https://me:secret@host:4200/api")
    assert address == "https://host:4200/api"


@pytest.mark.parametrize("words", BOTH)
def test_a_home_that_cannot_be_written(
    study: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Prefect has nowhere to keep its records: which folder, the remedy, code 3."""
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "prefect"
    result = panelstream(*words, study, PREFECT_HOME=str(home), cwd=tmp_path)
    assert result.code == 3
    assert (
        f"{home}: Prefect cannot keep its records here" in result.err.splitlines()[-1]
    )
    assert "Traceback" not in result.shown


@pytest.mark.parametrize(
    "line",
    ["every night", "0 25 * * *", "* * *", "@daily", "0 3 30 2 *", "R R * * *", 3],
)
def test_a_schedule_that_is_none(study: Path, tmp_path: Path, line: str | int) -> None:
    """File, line and what to write instead; exit code 3."""
    text = (study / "study.yaml").read_text()
    wrong = text.replace('"* * * * *"', json.dumps(line))
    (tmp_path / "study.yaml").write_text(wrong)
    result = panelstream("check", "--study", tmp_path)
    place = wrong.split("schedule:")[0].count("\n") + 1
    assert result.code == 3
    assert (
        f"study.yaml:{place}: schedule.study: not a cron line; write minute, hour"
        in result.err
    )


@pytest.mark.parametrize(
    ("line", "zone", "now", "expected"),
    [
        ("0 3 * * *", "Asia/Tokyo", "2027-01-11T17:59Z", "2027-01-12T03:00+09:00"),
        ("0 3 * * *", "Asia/Tokyo", "2027-01-11T18:01Z", "2027-01-13T03:00+09:00"),
        ("30 2 * * 1-5", "Asia/Tokyo", "2027-01-08T12:00Z", "2027-01-11T02:30+09:00"),
        ("0 3 * * *", "Europe/Berlin", "2027-03-27T12:00Z", "2027-03-28T03:00+02:00"),
        ("0 3 * * *", "Europe/Berlin", "2027-10-30T12:00Z", "2027-10-31T03:00+01:00"),
    ],
)
def test_when_a_line_comes_next(line: str, zone: str, now: str, expected: str) -> None:
    """By the calendar of the zone, in nights of clock changes too."""
    moment = next_run(line, ZoneInfo(zone), datetime.fromisoformat(now).astimezone(UTC))
    assert moment == datetime.fromisoformat(expected)


def test_a_study_is_told_apart_on_a_shared_server(study: Path, tmp_path: Path) -> None:
    """The deployment has the study's name and version, and paths that need no folder."""
    from panelstream.models.study.load import load_study

    deployment = schedule.deployment(load_study(study), tmp_path / "out")
    assert deployment.name == "u2plus-panel"
    assert deployment.tags == ["panelstream", "u2plus-panel"]
    assert deployment.entrypoint == "panelstream.flows.scheduled.full_run.study_flow"
    out = str(tmp_path / "out")
    assert deployment.parameters == {"study": str(study), "out": out, "strict": True}
