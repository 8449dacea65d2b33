"""docs/decisions: numbered, and every direct dependency has a reason."""

import re
import tomllib

from tests.docs import documents

FOLDER = documents.PAGES / "decisions"
PROJECT = tomllib.loads(documents.read("pyproject.toml"))


def names(requirements: list[str]) -> set[str]:
    """The names of required packages, without versions."""
    return {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in requirements}


def test_every_dependency_has_a_reason() -> None:
    """The page lists what is required to run, build, develop and measure, and no more."""
    text = documents.read("docs/decisions/0001-dependencies.md")
    run = set(documents.documented(text, "To run"))
    build = set(documents.documented(text, "To build"))
    develop = set(documents.documented(text, "To develop"))
    measure = set(documents.documented(text, "To measure"))
    groups = PROJECT["dependency-groups"]
    assert run == names(PROJECT["project"]["dependencies"])
    assert build == names([*PROJECT["build-system"]["requires"], *groups["build"]])
    assert develop == names(groups["dev"])
    assert measure == names(groups["bench"])


def test_decisions_are_numbered_without_gaps() -> None:
    """A decision's number is its place, in its file's name and in its title."""
    files = sorted(FOLDER.glob("*.md"))
    for number, file in enumerate(files, start=1):
        assert file.name.startswith(f"{number:04d}-")
        assert file.read_text(encoding="utf-8").startswith(f"# {number:04d} ")
