"""docs/how-to/installing.md names the files of pins, make's variables, and what stops it."""

import re

from requirements import environments, install
from requirements.environments import FOLDER, OLDEST_PIP, PYTHONS
from tests.docs import documents

TEXT = documents.read("docs/how-to/installing.md")
MAKEFILE = documents.read("Makefile")


def plain(text: str) -> str:
    """The text without what Markdown adds, spaces folded."""
    return " ".join(re.sub(r"[`|]", " ", text).split())


def test_every_file_of_pins_is_documented() -> None:
    """The table holds the data files of the folder, and no others."""
    files = {path.name for path in FOLDER.iterdir() if path.suffix in (".txt", ".json")}
    assert set(documents.documented(TEXT, "The pins")) == files
    assert files >= {f"{group}.txt" for group in environments.GROUPS}


def test_variables_of_make_are_documented() -> None:
    """With the defaults that the Makefile gives them."""
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", TEXT, re.MULTILINE)
    for name, default in rows:
        assert f"{name} ?= {default}\n" in MAKEFILE
    assert {name for name, _ in rows} == {"PYTHON", "VENV", "OUT"}


def test_what_stops_an_installation_is_documented() -> None:
    """Each cause that the program tells apart, in its words."""
    page = plain(documents.section(TEXT, "What stops an installation"))
    *pythons, newest = PYTHONS
    messages = [
        f"Python {', '.join(pythons)} or {newest} is needed",
        f"pip {'.'.join(map(str, OLDEST_PIP))} or newer is needed",
        f"glibc {'.'.join(map(str, environments.GLIBC))} or newer is needed",
        "this Python lacks ensurepip",
        "the pins hold no files for",
        "the disk is full",
        "the index sent a file that is not the pinned one",
        "the package index cannot be reached",
        "cannot be written",
        "the index has no file of",
    ]
    for message in messages:
        assert message in page, message
    for _, _, remedy in install.CAUSES:
        assert any(message in remedy for message in messages), remedy


def test_counts_are_those_of_the_files() -> None:
    """How many packages the pages say that a newcomer fetches, to the ten."""
    sizes = {
        group: install.count_pins(FOLDER / f"{group}.txt")
        for group in environments.GROUPS
    }
    first = round(sizes["run"] + sizes["build"], -1)
    for page in (TEXT, documents.read("README.md")):
        assert f"fetches about {first} " in page
    more = f"fetches some {round(sizes['dev'], -1)} packages more"
    assert more in documents.read("README.md")
