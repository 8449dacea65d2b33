"""Notes that are written by hand and become part of a generated page."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Notes:
    """The text before the first heading of the second level, and the text under each."""

    introduction: str
    sections: dict[str, str]


def read_notes(path: Path) -> Notes:
    """Read a Markdown file of notes."""
    introduction, *parts = re.split(r"^## (.+)$", path.read_text("utf-8"), flags=re.M)
    bodies = [body.strip() for body in parts[1::2]]
    return Notes(introduction.strip(), dict(zip(parts[::2], bodies, strict=True)))
