"""What stands between the whole and the parts of a number: a point or a comma."""

import re
from collections.abc import Iterable

from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.models.errors import FileError

_FRACTION = re.compile(r"[+-]?\d*(?P<mark>[.,])\d+")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")


def decimal_mark(export: Export, cells: Iterable[str], place: str) -> str:
    """The mark that the mapping declares, else the only one in the cells of a column.

    Raises `FileError` where both occur, or where it may separate thousands: always
    for a comma, and for a point between semicolons, where numbers have commas.
    """
    if export.declared_decimal:
        return export.declared_decimal
    texts = {
        text: m["mark"]
        for cell in cells
        if (m := _FRACTION.fullmatch(text := cell.strip()))
    }
    marks = {*texts.values()}
    may_group = "," in marks or export.delimiter == ";"
    is_grouped = may_group and all(_GROUPED.fullmatch(text) for text in texts)
    if len(marks) > 1 or (marks and is_grouped):
        problem = (
            "commas or points in numbers may be decimal marks or separate thousands; "
            "write decimal: ',' or decimal: '.' in the mapping"
        )
        raise FileError(export.path, place, problem)
    return "," if "," in marks else "."
