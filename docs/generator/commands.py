"""The page of commands, from the command line itself and notes written by hand."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from docs.generator.notes import Notes
from panelstream.flows.cli import app
from panelstream.flows.commands.app import IMPORT

_EXAMPLE = re.compile(r"\[bold\](.+?)\[/bold\]")
_MARKUP = re.compile(r"\[/?(?:bold|dim|italic)\]")
_HELP = "--help"


@dataclass(frozen=True)
class Command:
    """A command with the words that call it and the panel of the help that lists it."""

    words: str
    panel: str
    command: TyperCommand


def commands() -> list[Command]:
    """Every command of `panelstream`, in the order of its help."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return [
        command
        for name, child in root.commands.items()
        for command in _leaves(child, f"panelstream {name}", _panel(child))
    ]


def _leaves(node: object, words: str, panel: str) -> Iterator[Command]:
    if isinstance(node, TyperGroup):
        for name, child in node.commands.items():
            yield from _leaves(
                child, words if name == IMPORT else f"{words} {name}", panel
            )
    elif isinstance(node, TyperCommand):
        yield Command(words, panel, node)


def _panel(node: object) -> str:
    return str(getattr(node, "rich_help_panel", "") or "Commands")


def render_commands(notes: Notes) -> str:
    """The page: the introduction of the notes, then each command under its panel."""
    parts, panel = [notes.introduction], ""
    for command in commands():
        if command.panel != panel:
            panel = command.panel
            parts.append(f"## {panel}")
        parts.append(_section(command, notes.sections))
    return "\n\n".join(parts) + "\n"


def _section(command: Command, notes: Mapping[str, str]) -> str:
    text = command.command.help or ""
    parts = [
        f"### {command.words}",
        _description(text),
        notes.get(command.words, ""),
        _parameters(command.command),
        "\n".join(["```", *_EXAMPLE.findall(text), "```"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _description(text: str) -> str:
    """The help without its examples, one paragraph a line."""
    lines = [line.strip() for line in text.splitlines()]
    prose = "\n".join(line for line in lines if not line.startswith("Example"))
    plain = _MARKUP.sub("", prose).strip()
    return re.sub(r"(?<!\n)\n(?!\n)", " ", plain)


def _parameters(command: TyperCommand) -> str:
    rows = [
        f"| {_names(parameter)} | {_meaning(parameter)} |"
        for parameter in command.params
        if _HELP not in parameter.opts
    ]
    return "\n".join(["| argument or option | meaning |", "|---|---|", *rows])


def _names(parameter: object) -> str:
    assert isinstance(parameter, TyperArgument | TyperOption)
    if isinstance(parameter, TyperArgument):
        return f"`{parameter.name}`"
    return ", ".join(
        f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts]
    )


def _meaning(parameter: object) -> str:
    assert isinstance(parameter, TyperArgument | TyperOption)
    text = _MARKUP.sub("", parameter.help or "").rstrip(".").replace("|", r"\|")
    remarks = "; ".join(filter(None, [_range(parameter), _default(parameter)]))
    return f"{text} ({remarks})" if remarks else text


def _range(parameter: TyperArgument | TyperOption) -> str:
    low, high = parameter.min, parameter.max
    if low is None:
        return ""
    return f"at least {low}" if high is None else f"{low} to {high}"


def _default(parameter: TyperArgument | TyperOption) -> str:
    if isinstance(parameter, TyperOption) and parameter.required:
        return "required"
    if parameter.default in (None, "", False) or getattr(parameter, "is_flag", False):
        return ""
    return f"default: `{parameter.default}`"
