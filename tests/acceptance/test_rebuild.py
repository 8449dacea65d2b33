"""`panelstream rebuild` and `migrate`, with a process that is killed in the middle."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.lib import warm
from tests.lib.command import panelstream, succeed
from tests.lib.shared import copy_simulated_study

ROOT = Path(__file__).parents[2]
KILLED = """
import os, sys
from pathlib import Path
from panelstream.flows import rebuild, workspace
from panelstream.flows.commands.app import read_settings
from panelstream.models.warehouse import projections

def progress(done, total):
    builds = projections.list_builds(opened.store, projections.FACTS)
    [build] = projections.unfinished_builds(builds)
    written = opened.store.query(
        "projection_chunks", projection=projections.FACTS, build=build.name
    )
    if written.num_rows == 4:
        os.kill(os.getpid(), 9)

with workspace.open_workspace(read_settings(Path(sys.argv[1]))) as opened:
    rebuild.rebuild_projections(opened, progress=progress)
"""
IMPORTED = """
import sys
from pathlib import Path
from panelstream.flows import folder_import, workspace
from panelstream.flows.commands.app import read_settings

with workspace.open_workspace(read_settings(Path(sys.argv[1]))) as opened:
    folder_import.import_folder(opened)
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated study, imported."""
    folder = tmp_path_factory.mktemp("rebuilt") / "study"
    copy_simulated_study(tmp_path_factory, folder)
    assert run(IMPORTED, folder) == 0
    return folder


def run(code: str, folder: Path) -> int:
    """Run a program of its own on the study; its exit code."""
    return warm.run(["-c", code, folder], os.environ, ROOT).returncode


def panel(study: Path, fresh: bool = False) -> bytes:
    """The bytes of the panel."""
    out = study / "panel.parquet"
    succeed("panel", "--out", out, "--study", study, fresh=fresh)
    return out.read_bytes()


def look(study: Path) -> tuple[dict[str, Any], set[tuple[Any, ...]]]:
    """What a reader is given of measured use, and the chunks that are written of it."""
    sql = (
        "SELECT count() AS cells, groupBitXor(cityHash64(*)) AS content,"
        " (SELECT groupArray((build, chunk, toString(written_at)))"
        " FROM projection_chunks FINAL WHERE projection = 'fact_exposure') AS chunks"
        " FROM fact_exposure"
    )
    [seen] = json.loads(
        succeed("query", sql, "--operator", "--study", study, "--json").out
    )
    chunks = {tuple(entry.values()) for entry in seen.pop("chunks")}
    return seen, chunks


def test_a_rebuild_that_is_killed_goes_on(study: Path) -> None:
    """Readers keep the old; the next one writes what is missing; nothing is different."""
    before = panel(study, fresh=True)
    seen, old = look(study)
    assert seen["cells"] > 500
    assert run(KILLED, study) == -signal.SIGKILL
    still, more = look(study)
    written = more - old
    assert still == seen
    assert old < more
    assert 0 < len(written) < len(old)
    succeed("rebuild", "--study", study)
    again, new = look(study)
    assert again == seen
    assert written < new
    assert old.isdisjoint(new)
    assert panel(study) == before


def test_one_projection(study: Path) -> None:
    """Only that is derived anew."""
    output = succeed("rebuild", "--projection", "coverage", "--study", study).out
    assert [line.split(":")[0] for line in output.splitlines()] == ["coverage"]


def test_migrating_again_applies_nothing(study: Path) -> None:
    """What is there already is said to be."""
    assert "nothing, all is up to date" in succeed("migrate", "--study", study).out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rebuild", "--projection", "exposure"), "known: exposure_windows, coverage"),
        (("panel", "--out", "p.csv", "--as-of", "2999-01-01T00:00:00Z"), "not settled"),
    ],
)
def test_mistakes(study: Path, words: tuple[str, ...], message: str) -> None:
    """One line and exit code 2."""
    result = panelstream(*words, cwd=study)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.shown
