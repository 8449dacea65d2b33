"""A warehouse that is damaged, or no warehouse, is refused in one line, never counted.

The engine itself would open what is left, and commands would report what is left.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lib import collecting, serving, studies

ROSTER = "platform_id,enrolled_on\nann,2026-01-05\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose warehouse has a person."""
    study = studies.write(tmp_path_factory.mktemp("whole") / "study", studies.BASE)
    (study / "roster.csv").write_text(ROSTER, encoding="utf-8")
    assert run(study, "roster", str(study / "roster.csv")) == (0, "")
    return study


def run(study: Path, *words: str) -> tuple[int, str]:
    """A command on the study, with the default warehouse: its code and what it says."""
    env = collecting.environment(study)
    del env["PANELSTREAM_WAREHOUSE"]
    done = collecting.command(["--quiet", *words, "--study", str(study)], env)
    return done.returncode, done.stderr


def _files(warehouse: Path, name: str) -> list[Path]:
    return sorted((warehouse / "store").rglob(name))


def lose_contents(warehouse: Path) -> None:
    """Everything that the tables hold."""
    shutil.rmtree(warehouse / "store")
    (warehouse / "store").mkdir()


def lose_parts(warehouse: Path) -> None:
    """The rows of every table."""
    for part in (warehouse / "store").glob("*/*/all_*"):
        shutil.rmtree(part)


def cut_parts(warehouse: Path) -> None:
    """Files of rows end early, as after a power cut or a full disk."""
    for file in _files(warehouse, "data.bin"):
        file.write_bytes(file.read_bytes()[:5])


def garble_table(warehouse: Path) -> None:
    """The definition of a table is something else."""
    [file] = _files(warehouse, "events.sql")
    file.write_bytes(b"\xff\x00canary-7f3a" * 20)


def become_a_file(warehouse: Path) -> None:
    """A file lies there."""
    shutil.rmtree(warehouse)
    warehouse.write_text("notes", encoding="utf-8")


def become_a_folder(warehouse: Path) -> None:
    """A folder of something else lies there."""
    shutil.rmtree(warehouse)
    warehouse.mkdir()
    (warehouse / "notes.txt").write_text("notes", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        (lose_contents, 5, "is damaged"),
        (lose_parts, 5, "is damaged"),
        (cut_parts, 5, "is damaged (unreadable parts of"),
        (garble_table, 5, "cannot be opened"),
        (become_a_file, 3, "is a file, not a folder"),
        (become_a_folder, 3, "holds other files and no warehouse"),
    ],
)
def test_a_damaged_warehouse(
    whole: Path,
    tmp_path: Path,
    damage: Callable[[Path], None],
    code: int,
    said: str,
) -> None:
    """One line with the place and a remedy, and nothing of what could not be read."""
    study = tmp_path / "study"
    shutil.copytree(whole, study, symlinks=True)
    damage(study / "warehouse")
    ended, line = run(study, "query", "select count() from roster", "--operator")
    assert (ended, line.count("\n")) == (code, 1), line
    assert f"{study / 'warehouse'} " in line
    assert said in line
    assert "restore it from a backup" in line or "name another in" in line
    assert "canary" not in line


def test_a_refusal_repairs_nothing(whole: Path, tmp_path: Path) -> None:
    """A second attempt finds the same damage: the first made no empty tables."""
    study = tmp_path / "study"
    shutil.copytree(whole, study, symlinks=True)
    lose_parts(study / "warehouse")
    first = run(study, "query", "select 1")
    assert first[0] == 5
    assert run(study, "query", "select 1") == first


def test_a_copy_is_whole(whole: Path, tmp_path: Path) -> None:
    """A copy of the folder is a backup: it opens, in a place of any name."""
    study = tmp_path / "a#b %20 日本" / "study"
    shutil.copytree(whole, study, symlinks=True)
    assert run(study, "query", "select count() from roster", "--operator") == (0, "")


def test_a_warehouse_that_was_served_before_anything_was_stored(tmp_path: Path) -> None:
    """A folder that the engine made and no command migrated is new, not damaged."""
    study = studies.write(tmp_path / "study", studies.BASE)
    with serving.serve(study):
        pass
    assert run(study, "query", "select count() from roster", "--operator") == (0, "")
