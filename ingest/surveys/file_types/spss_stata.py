"""SPSS and Stata files: codes with value labels, variables with a title."""

import io
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal

import pyreadstat

from panelstream.models.errors import FileError

_EXACT = 2.0**53
"""Larger whole numbers are rounded: as ids they are refused by their notation."""

Texts = list[list[str]]
Titles = dict[str, str]
ValueLabels = dict[str, dict[str, str]]


def read_spss_stata(
    path: Path, kind: Literal["spss", "stata"], content: bytes
) -> tuple[Texts, Titles, ValueLabels]:
    """A header of variable names and the records below, as text; titles; labels.

    Answers are codes; one that the file declares missing is empty. Raises
    `FileError` for a damaged file.
    """
    reader = pyreadstat.read_sav if kind == "spss" else pyreadstat.read_dta
    try:
        columns, metadata = reader(io.BytesIO(content), output_format="dict")
    except (pyreadstat.ReadstatError, OverflowError, ValueError):
        raise FileError(path, "", "a damaged file; save it again, or as CSV") from None
    records = [[_text(c) for c in row] for row in zip(*columns.values(), strict=True)]
    titles = {k: v for k, v in metadata.column_names_to_labels.items() if v}
    return [list(columns), *records], titles, _labels(metadata.variable_value_labels)


def _labels(value_labels: Mapping[str, Mapping[Any, str]]) -> ValueLabels:
    return {
        name: {_text(code): label for code, label in labels.items()}
        for name, labels in value_labels.items()
    }


def _text(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case float():
            if cell != cell:
                return ""
            if abs(cell) > _EXACT:
                return f"{cell:.14E}"
            return str(int(cell)) if cell.is_integer() else repr(cell)
        case datetime():
            return cell.replace(microsecond=0).isoformat(" ")
        case date() | time():
            return cell.isoformat()
        case _:
            return str(cell)
