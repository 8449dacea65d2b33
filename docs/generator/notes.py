"""Notes written by hand that a generated page takes in, heading by heading."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Notes:
    """What stands before the first heading of the second level, and under each."""

    introduction: str
    sections: dict[str, str]


def read_notes(path: Path) -> Notes:
    """Read a Markdown file of notes."""
    introduction, *parts = re.split(r"^## (.+)$", path.read_text("utf-8"), flags=re.M)
    bodies = [body.strip() for body in parts[1::2]]
    return Notes(introduction.strip(), dict(zip(parts[::2], bodies, strict=True)))
