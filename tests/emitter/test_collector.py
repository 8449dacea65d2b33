"""From emit() through the real collector into the warehouse, which both may die."""

from pathlib import Path
from typing import Any

from panelstream_emitter import Emitter

from tests.lib import collecting, studies
from tests.lib.collecting import Running
from tests.lib.emitting import platform, until


def test_the_collector_dies_and_comes_back(tmp_path: Path) -> None:
    """Emitters are killed meanwhile; each id that `emit()` returned is there once."""
    study = studies.write(tmp_path / "study", studies.BASE)
    env = collecting.environment(study)
    token = collecting.add_token(study, env, "u2plus.web")
    said = set[str]()
    for _ in range(2):
        with (
            collecting.collector(study, env, token) as running,
            platform(tmp_path, settings(running, tmp_path), 10**6, *SLOWLY) as one,
        ):
            one.wait_for(300)
            running.process.kill()
            running.process.wait()
            one.wait_for(600)
            one.kill()
            said |= set(one.ids())
    with (
        collecting.collector(study, env, token) as running,
        Emitter(**settings(running, tmp_path)) as last,
    ):
        until(lambda: last.counts()["waiting_bytes"] == 0)
        running.stop()
    query = "select id from operator_events"
    rows = collecting.command(
        ["query", "--operator", query, "--study", str(study)], env
    ).stdout
    ids = [line for line in rows.split() if line.count("-") == 4]
    assert len(ids) == len(set(ids))
    assert said <= set(ids)
    assert len(ids) - len(said) <= 2


SLOWLY = ("--pause", "0.001")


def settings(running: Running, folder: Path) -> dict[str, Any]:
    """What an emitter needs to send there."""
    base = {"source": "u2plus.web", "spool": str(folder / "spool")}
    return {**base, "url": running.url, "token": running.token}
