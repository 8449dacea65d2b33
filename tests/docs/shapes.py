"""Pages that document the keys of a file, held against the shape of that file."""

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from panelstream.models.config_file import Frozen
from tests.docs import documents

_ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|", re.MULTILINE)


def keys(shape: type[Frozen]) -> dict[str, bool]:
    """Each key of a file's shape, and whether the file must give it."""
    fields = shape.model_fields.items()
    return {field.alias or name: field.is_required() for name, field in fields}


def documented_keys(page: str, heading: str) -> dict[str, bool]:
    """Each key documented under a heading, and whether it is called required."""
    rows = _ROW.findall(documents.section(documents.read(page), heading))
    return {key: default.strip() == "required" for key, default in rows}


def words(annotation: Any) -> Iterator[str]:
    """The words that a value may be, wherever they are in its type."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from words(part)


def undocumented_words(page: str, heading: str, shape: type[Frozen]) -> list[str]:
    """Words that a key may hold, and its row of the page does not name."""
    section = documents.section(documents.read(page), heading)
    rows = dict(re.findall(r"^\| `([^`]+)` \|(.*)$", section, re.MULTILINE))
    return [
        f"{name}: {word}"
        for name, field in shape.model_fields.items()
        for word in words(field.annotation)
        if not re.search(rf"`[^`]*\b{word}\b[^`]*`", rows[field.alias or name])
    ]
