"""A service never takes an embedded warehouse that it was not given: it waits."""

import time
from pathlib import Path

import pytest

from tests.lib import collecting, studies, warm
from tests.lib.collecting import Running, batch
from tests.lib.streams import ROOT, Stream, free_port, until

PROMPTLY = 10.0
REMEDY = "start 'panelstream warehouse', or give --own-warehouse"


@pytest.fixture
def made(tmp_path: Path) -> Stream:
    """A study without Kafka and without a warehouse."""
    study = studies.write(tmp_path / "study", studies.BASE)
    return Stream(None, study, "", collecting.environment(study))  # type: ignore[arg-type]  # no broker


def start(made: Stream) -> Running:
    """A collector that is given no warehouse, as soon as it answers."""
    token = collecting.add_token(made.study, made.env)
    port, log = free_port(), made.study.parent / "collector.log"
    env = {**made.env, "PANELSTREAM_COLLECTOR_ADDRESS": f"127.0.0.1:{port}"}
    words = ["-m", "panelstream.flows.cli", "collector", "--study", str(made.study)]
    with log.open("wb") as out:
        process = warm.start(words, env, ROOT, out, out)
    running = Running(process, port, token, log)
    until(lambda: running.get("/health").status == 200)
    return running


def test_it_waits_and_locks_nobody_out(made: Stream) -> None:
    """503, one line of log, a query beside it, and SIGTERM ends it at once with 0."""
    running = start(made)
    assert running.get("/ready").said == {"ready": False, "waiting_for": "warehouse"}
    assert running.post(batch("early")).status == 503
    assert made.run("query", "select 1").returncode == 0
    time.sleep(2.5)
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < PROMPTLY
    assert running.log.read_text().count(f"waiting for the warehouse: {REMEDY}") == 1


def test_any_order_of_starts(made: Stream) -> None:
    """The collector before the warehouse, which is killed and started again.

    What was acknowledged is there, and each return is a line of log.
    """
    running = start(made)
    try:
        for name in ("first", "second"):
            with made.warehouse():
                until(lambda: running.get("/ready").status == 200)
                assert running.post(batch(name)).status == 202
            assert running.post(batch("late")).status == 503
        assert made.run("query", "select 1").returncode == 0
    finally:
        assert running.stop() == 0
    assert sorted(made.ids()) == ["first", "second"]
    assert running.log.read_text().count("the warehouse is back") == 2


def test_a_server_that_does_not_answer_is_waited_for(made: Stream) -> None:
    """A server's address without a server: the log names the setting, no password."""
    made.env["PANELSTREAM_WAREHOUSE"] = "http://u:secret@127.0.0.1:1"
    running = start(made)
    until(lambda: running.get("/ready").status == 503)
    assert running.stop() == 0
    log = running.log.read_text()
    assert "no warehouse answers at 127.0.0.1:1" in log
    assert "PANELSTREAM_WAREHOUSE" in log
    assert "secret" not in log
