"""docs/reference/commands.md names every command, argument, option and example."""

import re
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from panelstream.flows.cli import IMPORT, app
from panelstream.models import errors
from panelstream.models.errors import PanelstreamError
from tests.docs import documents

TEXT = documents.read("docs/reference/commands.md")
Command = TyperCommand | TyperGroup


def commands(group: TyperGroup, before: str) -> Iterator[tuple[str, TyperCommand]]:
    """Every command with the words that call it; one of a group may need no name."""
    for name, one in group.commands.items():
        if isinstance(one, TyperGroup):
            yield from commands(one, f"{before} {name}")
        elif isinstance(one, TyperCommand):
            yield before if name == IMPORT else f"{before} {name}", one


def load() -> dict[str, TyperCommand]:
    """The commands of `panelstream`."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return dict(commands(root, "panelstream"))


COMMANDS = load()


def sections() -> dict[str, str]:
    """The text of each command's section, fenced blocks included."""
    parts = re.split(r"^## (panelstream .+)$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def parameters(command: TyperCommand) -> set[str]:
    """Arguments by name, options as typed; not the help that all have."""
    return {
        parameter.opts[0] if parameter.param_type_name == "option" else parameter.name
        for parameter in command.params
        if parameter.name
    }


def test_every_command_has_a_section() -> None:
    """No command is undocumented, and none is documented that does not exist."""
    assert sections().keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_parameter_is_documented(name: str) -> None:
    """The table of a command holds its arguments and options, and no others."""
    assert set(documents.documented(TEXT, name)) == parameters(COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_the_help_is_on_the_page(name: str) -> None:
    """Help and page show the same example."""
    examples = re.findall(r"\[bold\](.+?)\[/bold\]", COMMANDS[name].help or "")
    assert examples
    assert all(one in sections()[name] for one in examples)


def test_every_exit_code_is_documented() -> None:
    """The codes are those of the errors, with 0 for none."""
    family = [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, PanelstreamError)
    ]
    codes = {str(one.exit_code) for one in family} | {"0"}
    assert set(documents.documented(TEXT, "Commands")) == codes
