"""Writes the generated pages; with `--check` only names those that are stale."""

import sys
from pathlib import Path

from docs.generator.commands import render_commands
from docs.generator.notes import read_notes
from docs.generator.settings import render_example, render_settings

ROOT = Path(__file__).parents[2]
NOTES = Path(__file__).with_name("commands.md")


def render() -> dict[str, str]:
    """Each generated file, by its path in the repository, with its text."""
    return {
        "docs/reference/commands.md": render_commands(read_notes(NOTES)),
        "docs/reference/settings.md": render_settings(),
        "deploy/.env.example": render_example(),
    }


def stale() -> list[str]:
    """The generated files whose text differs from what the generator writes."""
    return [
        name
        for name, text in render().items()
        if (ROOT / name).read_text("utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that are stale."""
    if "--check" in arguments:
        for name in stale():
            sys.stderr.write(f"{name} is stale: 'make docs' writes it again\n")
        return len(stale())
    for name, text in render().items():
        (ROOT / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
