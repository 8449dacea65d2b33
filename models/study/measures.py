"""Further measures of use: one SQL file each, whose header says what it is.

A study asks for them by name. `by_<field>` is asked for with a field of the catalogue
in the place of `field`; the others are named like their file.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

from panelstream.models.events.catalogue import Catalogue

_FOLDER = Path(__file__).parents[1] / "warehouse" / "sql" / "measures"
BY_FIELD = "by_field"
AS_IS = "as_is"
"""What a panel from elsewhere measures: its columns, of which nothing is known."""
_BY = "by_"
_KEY = re.compile(r"(of|over|unit|null|gaps): (.+)")

Scope = Literal["function", "person", "value"]


@dataclass(frozen=True)
class Definition:
    """What the header of a measure's file says.

    `scope`: a column for each function, one for the person, or one for each value of a
    field. `prorated`: counts over excused gaps in the log are scaled to the whole
    window; else such a window has no value. `to_date`: over all time until the window
    ends, not over the window. `words`: the rules, in full.
    """

    name: str
    meaning: str
    scope: Scope
    unit: str
    null: str
    prorated: bool
    to_date: bool
    words: str


@dataclass(frozen=True)
class MeasureColumn:
    """A column of the panel that a further measure fills.

    `functions`: those whose log must be whole. `key`: what the measure's query calls
    the column: a function, the column's own name, or nothing.
    """

    name: str
    measure: str
    definition: Definition
    functions: tuple[str, ...]
    key: str = ""
    event_type: str = ""
    value: str = ""


@cache
def definitions() -> Mapping[str, Definition]:
    """Every further measure by the name of its file, in alphabetical order."""
    return {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.sql"))}


def available_measures(functions: Sequence[str], catalogue: Catalogue) -> list[str]:
    """The names by which a study of these functions may ask for measures."""
    named = [name for name in definitions() if name != BY_FIELD]
    fields = [field for _, field, _ in _choices(functions, catalogue)]
    return [*named, *(f"{_BY}{field}" for field in dict.fromkeys(fields))]


def measure_scope(measure: str) -> Scope:
    """What a measure, further or not, has a column for."""
    if measure in definitions():
        return definitions()[measure].scope
    named = measure == AS_IS or measure.startswith(_BY)
    return "value" if named else "function"


def column_name(exposure: str, measure: str) -> str:
    """The panel's column of an exposure: of a function by its measure, else its own."""
    return f"{exposure}_{measure}" if measure_scope(measure) == "function" else exposure


def column_label(column: MeasureColumn, catalogue: Catalogue) -> str:
    """What readers call what a column measures, without the measure's own meaning."""
    if column.definition.scope == "person":
        return column.measure.replace("_", " ").capitalize()
    named = catalogue.label(column.functions[0])
    return f"{named}: {column.value}" if column.value else named


def measured_by_field(measure: str) -> bool:
    """Whether a measure's name is that of one by the values of a field."""
    return measure not in definitions() and measure.startswith(_BY)


def measured_field(measure: str) -> str | None:
    """The field of a measure by the values of a field; None for any other."""
    return None if measure in definitions() else measure.removeprefix(_BY)


def measure_columns(
    measures: Sequence[str], functions: Sequence[str], catalogue: Catalogue
) -> list[MeasureColumn]:
    """The panel's columns of the measures that a study asks for, in its order."""
    return [
        column
        for measure in measures
        for column in _columns(measure, tuple(functions), catalogue)
    ]


def _columns(
    measure: str, functions: tuple[str, ...], catalogue: Catalogue
) -> Iterator[MeasureColumn]:
    definition = definitions().get(measure, definitions()[BY_FIELD])
    if definition.scope == "person":
        yield MeasureColumn(measure, measure, definition, functions)
    elif definition.scope == "function":
        for function in functions:
            yield MeasureColumn(
                f"{function}_{measure}", measure, definition, (function,), function
            )
    else:
        for act, field, value in _choices(functions, catalogue):
            if f"{_BY}{field}" == measure:
                name = f"{act.rpartition('.')[2]}_{_word(value)}"
                counts = catalogue.types[act].function or ""
                yield MeasureColumn(
                    name, measure, definition, (counts,), name, act, value
                )


def _choices(
    functions: Sequence[str], catalogue: Catalogue
) -> Iterator[tuple[str, str, str]]:
    """Type, field and value, of acts that count towards one of the functions."""
    for name, event_type in catalogue.types.items():
        for field, rule in event_type.data.items():
            if event_type.function in functions:
                yield from ((name, field, choice) for choice in rule.choices)


def _word(value: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", value.lower()).strip("_")


def _read(path: Path) -> Definition:
    text = path.read_text(encoding="utf-8").partition("\nselect")[0]
    lines = [line.removeprefix("--").strip() for line in text.splitlines()]
    keys_at = {
        row: match for row, line in enumerate(lines) if (match := _KEY.fullmatch(line))
    }
    keys = {match[1]: match[2] for match in keys_at.values()}
    places = list(keys_at)
    remaining = [line for line in lines[places[-1] + 1 :] if line != "fmt: off"]
    return Definition(
        name=path.stem,
        meaning=" ".join(lines[: places[0]]).removesuffix("."),
        scope=cast(Scope, keys["of"]),
        unit=keys["unit"],
        null=keys["null"],
        prorated=keys["gaps"] == "prorated",
        to_date=keys["over"] == "to date",
        words=" ".join(remaining),
    )
