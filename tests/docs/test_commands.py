"""The generated pages: those of commands and settings are what the code makes of them."""

import re

import pytest

from docs.generator import __main__ as generator
from docs.generator.commands import Command, commands
from docs.generator.notes import read_notes
from panelstream.models import errors
from panelstream.models.errors import PanelstreamError
from tests.docs import documents

TEXT = documents.read("docs/reference/commands.md")
COMMANDS = {command.words: command for command in commands()}


def test_generated_pages_are_up_to_date() -> None:
    """What is committed is what the generator writes; else `make docs` was not run."""
    assert generator.stale() == []


def test_a_stale_page_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is able to fail."""
    text = documents.read("deploy/.env.example") + "# one more line"
    monkeypatch.setattr(generator, "render", lambda: {"deploy/.env.example": text})
    assert generator.stale() == ["deploy/.env.example"]


def test_notes_are_of_commands_that_exist() -> None:
    """A note for a command that was renamed would be lost without a word."""
    assert read_notes(generator.NOTES).sections.keys() <= COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_shows_an_example(command: Command) -> None:
    """The help of a command ends in a line that can be typed, and calls that command."""
    [section] = re.findall(
        rf"^### {command.words}$(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
    [block] = re.findall(r"^```\n(.+?)^```$", section, re.MULTILINE | re.DOTALL)
    assert any(command.words in line for line in block.splitlines())


def test_every_exit_code_is_documented() -> None:
    """The codes are those of the errors, with 0 for none."""
    family = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, PanelstreamError)
    ]
    codes = {str(entry.exit_code) for entry in family} | {"0"}
    assert set(documents.documented(TEXT, "Commands")) == codes
