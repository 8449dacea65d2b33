"""REDCap's data dictionary: which form a field is of, and what its options are called.

`dictionary.csv` beside an export, as the Online Designer or the API saves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from panelstream.ingest.surveys.file_types.export_file import (
    read_export_file,
    require_column,
)

DICTIONARY = "dictionary.csv"
_HEADERS = (
    "Variable / Field Name",
    "Form Name",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Identifier?",
)
_API_HEADERS = (
    "field_name",
    "form_name",
    "field_type",
    "field_label",
    "select_choices_or_calculations",
    "identifier",
)
_CHOICES_BY_TYPE = {
    "yesno": {"1": "Yes", "0": "No"},
    "truefalse": {"1": "True", "0": "False"},
}
"""Options that REDCap gives to fields of a type; the dictionary leaves them out."""


@dataclass(frozen=True)
class DictionaryField:
    """A line of a data dictionary."""

    name: str
    form: str
    kind: str
    label: str
    choices: Mapping[str, str]
    identifies: bool


def read_dictionary(export: Path) -> Mapping[str, DictionaryField]:
    """The fields of the data dictionary beside an export, by name; there may be none."""
    path = export.parent / DICTIONARY
    if not path.exists():
        return {}
    table = read_export_file(path)
    headers = _HEADERS if _HEADERS[0] in table.header else _API_HEADERS
    places = [require_column(table, name, "the data dictionary") for name in headers]
    fields = [
        _field(*(record[place].strip() for place in places))
        for _, record in table.rows()
    ]
    return {field.name: field for field in fields}


def _field(
    name: str, form: str, kind: str, label: str, options: str, identifies: str
) -> DictionaryField:
    choices = _CHOICES_BY_TYPE.get(kind) or _choices(options)
    return DictionaryField(name, form, kind, label, choices, identifies == "y")


def _choices(text: str) -> dict[str, str]:
    """`0, Not at all | 1, Several days`; anything else is no list of options."""
    pairs = [option.split(",", 1) for option in text.split("|")]
    if any(len(pair) != 2 for pair in pairs):
        return {}
    return {code.strip(): label.strip() for code, label in pairs}
