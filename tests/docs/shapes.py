"""Pages that document the keys of a file, held against the shape of that file."""

import re

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
