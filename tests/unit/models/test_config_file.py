"""Reading YAML: a mistake is answered with file, line and a remedy."""

from pathlib import Path

import pytest

from panelstream.models import config_file
from panelstream.models.config_file import Document, Frozen
from panelstream.models.errors import FileError


class Leaf(Frozen):
    """A part of the shape that these tests read."""

    name: str
    size: int = 1


class Shape(Frozen):
    """What these tests read."""

    title: str
    leaves: tuple[Leaf, ...] = ()
    colour: str = "green"


def read(folder: Path, text: str | bytes) -> Document[Shape]:
    """Read a file with the text."""
    path = folder / "shape.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return config_file.read_config(path, Shape)


def test_reading(tmp_path: Path) -> None:
    """A file becomes a value; a byte order mark and Windows lines do not matter."""
    document = read(tmp_path, b"\xef\xbb\xbftitle: t\r\nleaves: [{name: a}]\r\n")
    assert document.value == Shape(title="t", leaves=(Leaf(name="a"),))


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("title: t\ncolor: red\n", "2", "unknown key 'color'; did you mean 'colour'?"),
        ("title: t\nzzz: 1\n", "2", "known: title, leaves, colour"),
        ("title: t\nleaves:\n- name: a\n  siez: 2\n", "4", "did you mean 'size'?"),
        ("title: t\nleaves:\n- name: a\n  size: b\n", "4", "leaves.0.size"),
        (
            "title: t\nleaves:\n- name: a\n- size: 2\n",
            "4",
            "'leaves.1.name' is missing",
        ),
        ("leaves: []\n", "1", "'title' is missing"),
        ("title:\n", "1", "'title' has no value"),
        ("title: t\ntitle: u\n", "2", "duplicate key 'title'"),
        ("title: t\nleaves:\n- {name: a, name: b}\n", "3", "duplicate key 'name'"),
        ("title: t\nleaves: [\n", "3", "not YAML"),
        ("title: t: u\n", "1", "not YAML"),
        ("title: t\n\tcolour: red\n", "2", "not YAML"),
        ("- title\n", "1", "expected keys and values"),
        ("", "1", "expected keys and values"),
        (b"title: \xe9\n", "", "not UTF-8"),
    ],
)
def test_mistakes(tmp_path: Path, text: str | bytes, line: str, says: str) -> None:
    """Each mistake has its line and says what is wrong, and the nearest right word."""
    with pytest.raises(FileError) as caught:
        read(tmp_path, text)
    assert (caught.value.path.name, caught.value.place) == ("shape.yaml", line)
    assert says in caught.value.problem


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there has no line."""
    with pytest.raises(FileError, match=r"shape\.yaml: no such file"):
        config_file.read_config(tmp_path / "shape.yaml", Shape)


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (["title"], "1"),
        (["leaves"], "2"),
        (["leaves", 1], "4"),
        (["leaves", 1, "size"], "5"),
        (["leaves", 1, "colour"], "4"),
        (["leaves", 9], "4"),
        (["nothing"], "1"),
    ],
)
def test_places(tmp_path: Path, location: list[str | int], line: str) -> None:
    """An error points at the deepest part of its place that the file has."""
    text = "title: t\nleaves:\n- name: a\n- name: b\n  size: 2\n"
    assert read(tmp_path, text).error(location, "is wrong").place == line


def test_nearest() -> None:
    """A near miss is named; a word from elsewhere gets the whole list."""
    assert config_file.nearest("stroy", ["story", "cycle"]) == "did you mean 'story'?"
    assert config_file.nearest("x", ["story", "cycle"]) == "known: story, cycle"
