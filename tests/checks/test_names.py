"""The check of names counts what it says, and shows where to look."""

import ast
from pathlib import Path

import pytest

from tests.checks import names

MODULE = """
import csv as found
from x import y as rows

LIMIT = 1
def read(given, *others, level=0, **options):
    for one in options:
        with one as held:
            total: int = held
    self.known = [what for what in others]
    self.known.seen = 1
    (first, (rest, *last)) = options
    read = 1
    try:
        match first:
            case [made, *after]:
                pass
    except ValueError as error:
        return lambda each: each + (told := 1)

class Asked:
    _said: str
    def before(self): ...
"""
"""With every way to bind a name; what is only used does not count."""
VAGUE = """
    found given others one held known what rest read made after each told Asked
    _said before
"""
CLEAR = "rows LIMIT read level options total first last error self"


def test_every_way_to_bind_a_name_is_counted() -> None:
    """The lists were made by reading the module above."""
    bindings = list(names.bindings(ast.parse(MODULE), Path("a.py")))
    for is_vague, expected in [(True, VAGUE), (False, CLEAR)]:
        words = [binding.name for binding in bindings if binding.is_vague == is_vague]
        assert sorted(words) == sorted(expected.split())


def test_a_verb_may_name_a_function_only() -> None:
    """`read()` reads, `read = ...` is a participle; and `found()` is never right."""
    tree = ast.parse("def read(): ...\ndef found(): ...\nread = 1")
    assert [
        (binding.name, binding.line)
        for binding in names.bindings(tree, Path("a.py"))
        if binding.is_vague
    ] == [("found", 2), ("read", 3)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Three modules: `write` and `Row` in two of them, twice in one."""
    for name, text in {
        "models/a.py": "def write(rows): ...\nclass Row: ...\n_LIMIT = 1\n",
        "flows/b/c.py": "write = 1\nwrite = 2\n_LIMIT: int = 2\nLEVEL: int = 1\n",
        "analysis/d.py": "async def collect(): ...\nclass Row:\n    size = 1\n",
        "tests/test_a.py": "def write(found): ...\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_public_names_of_several_modules_are_counted(checkout: Path) -> None:
    """Private names, names inside a class and tests count for nothing."""
    (vague, shared), lines = names.measure(checkout)
    assert (vague.count, vague.total) == (0, 11)
    assert (shared.count, shared.total) == (4, 6)
    assert lines == [
        "Row in 2 modules: analysis/d.py:2, models/a.py:2",
        "write in 2 modules: flows/b/c.py:2, models/a.py:1",
    ]


def test_a_broken_bound_fails_and_names_the_places(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command exits with 1, and its last lines are the two shares."""
    assert names.main(checkout) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[-1] == (
        "names: public names of several modules: 4 of 6 (66.67%, at most 8%)"
    )


def test_bounds_that_are_met_print_two_lines(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a shared name nothing is left to report but the shares."""
    (checkout / "flows/b/c.py").write_text("LEVEL = 1\n")
    (checkout / "analysis/d.py").write_text("async def collect(): ...\n")
    assert names.main(checkout) == 0
    assert capsys.readouterr().out.splitlines() == [
        "names: vague names: 0 of 6 (0.00%, at most 1%)",
        "names: public names of several modules: 0 of 4 (0.00%, at most 8%)",
    ]


def test_a_share_at_its_bound_is_met() -> None:
    """One name in a hundred is still within 1 %, two are not."""
    assert names.Share("vague names", 1, 100, 0.01).is_met
    assert not names.Share("vague names", 2, 100, 0.01).is_met


def test_many_places_are_shortened(tmp_path: Path) -> None:
    """Of seven places of a word five are shown, in order; the others are counted."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a.py").write_text("found = 1\n" * 7)
    _, lines = names.measure(tmp_path)
    assert lines == [
        "found ×7: models/a.py:1, models/a.py:2, models/a.py:3, models/a.py:4, "
        "models/a.py:5 and 2 more"
    ]


def test_links_do_not_count_a_module_twice(checkout: Path) -> None:
    """The package links to the folders; each module is read where it lies."""
    (checkout / "panelstream").mkdir()
    (checkout / "panelstream/models").symlink_to("../models")
    assert [
        path.relative_to(checkout).as_posix() for path in names.source_files(checkout)
    ] == ["analysis/d.py", "flows/b/c.py", "models/a.py"]
