"""A released table as the page shows it: fewer columns, in groups, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from panelstream.analysis.report.layout import UNIT, CellFormat, PageColumn
from panelstream.analysis.report.numerals import (
    ABSENT,
    decimals_for,
    p_text,
    released_count,
    released_number,
)
from panelstream.analysis.report.release import REDACTED, ReleasedTable
from panelstream.analysis.report.units import scale, scales

_TEXTS = ("name", "code", "word", "note", "prose")


@dataclass(frozen=True)
class PageCell:
    """`css_class`: name, code, word, note, number or withheld."""

    text: str
    css_class: str


@dataclass(frozen=True)
class RowGroup:
    """Rows under one heading; without a heading where the table needs none."""

    heading: str
    rows: tuple[tuple[PageCell, ...], ...]


@dataclass(frozen=True)
class TableView:
    """A table as readers see it."""

    number: int
    table: ReleasedTable
    headings: tuple[PageCell, ...]
    groups: tuple[RowGroup, ...]


def view(
    number: int,
    table: ReleasedTable,
    labels: Mapping[str, str],
    planned: ReleasedTable | None,
) -> TableView:
    """The `number`th table of the page.

    Sensitivity estimates stand below the `planned` ones that they vary.
    """
    frame = table.frame
    if planned and table.name == "estimates_sensitivity":
        frame = _below_planned(planned.frame, frame)
    if "exposure" in frame:
        frame = frame[frame["exposure"].fillna("") != ""]
    columns = [c for c in table.layout.columns if set(c.sources) <= set(frame.columns)]
    return TableView(
        number=number,
        table=table,
        headings=tuple(PageCell(c.heading, _css_class(c.format)) for c in columns),
        groups=tuple(_groups(frame, list(table.layout.grouped_by), columns, labels)),
    )


def _below_planned(planned: pd.DataFrame, varied: pd.DataFrame) -> pd.DataFrame:
    compared = planned[~planned["component"].isin(["between", "contextual"])]
    rows = pd.concat([compared, varied], ignore_index=True)
    return rows.sort_values(
        ["outcome", "exposure"], kind="stable", key=_first_appearance
    )


def _first_appearance(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Sort keys that keep the order in which names first appear."""
    return pd.Series(pd.factorize(values)[0], index=values.index)


def _groups(
    frame: pd.DataFrame,
    keys: list[str],
    columns: list[PageColumn],
    labels: Mapping[str, str],
) -> Iterator[RowGroup]:
    if not keys:
        yield RowGroup("", _cells(frame, columns, labels))
        return
    by_scale = [scales(frame)] if UNIT[0] in keys else []
    for _, rows in frame.groupby([*keys, *by_scale], sort=False):
        heading = _heading(rows.iloc[0], keys, labels)
        yield RowGroup(heading, _cells(rows, columns, labels))


def _heading(row: "pd.Series[Any]", keys: list[str], labels: Mapping[str, str]) -> str:
    names = [labels.get(str(row[k]), str(row[k])) for k in keys if k not in UNIT]
    heading = ": ".join(names)
    if UNIT[0] in keys:
        return f"{heading}, {scale(row)}"
    if "outcome_mean" in row:
        return f"{heading}, {_moments(row)}"
    return heading


def _moments(row: "pd.Series[Any]") -> str:
    mean, sd = (released_number(row[c], 2) for c in ("outcome_mean", "outcome_sd"))
    return f"mean {mean} (SD {sd}), n = {released_count(row['outcome_n'])}"


def _cells(
    frame: pd.DataFrame, columns: list[PageColumn], labels: Mapping[str, str]
) -> tuple[tuple[PageCell, ...], ...]:
    decimals = _decimals(frame)
    return tuple(
        tuple(_cell(row, column, decimals, labels) for column in columns)
        for _, row in frame.iterrows()
    )


def _cell(
    row: "pd.Series[Any]", column: PageColumn, decimals: int, labels: Mapping[str, str]
) -> PageCell:
    values = [row[source] for source in column.sources]
    if any(value == REDACTED for value in values):
        return PageCell(REDACTED, "withheld")
    if any(pd.isna(value) or value == "" for value in values):
        return PageCell(ABSENT, _css_class(column.format))
    text = _text(values, column.format, decimals, labels)
    return PageCell(text, _css_class(column.format))


def _text(
    values: list[Any], format: CellFormat, decimals: int, labels: Mapping[str, str]
) -> str:
    match format:
        case "name" | "code" | "note" | "prose":
            return labels.get(values[0], str(values[0]))
        case "count":
            return released_count(values[0])
        case "share":
            return f"{released_count(values[0])} ({values[1]:.1f}\u202f%)"
        case "interval":
            return " to ".join(released_number(value, decimals) for value in values)
        case "value":
            return released_number(values[0], decimals)
        case "decimal":
            return released_number(values[0], 2)
        case "p":
            return p_text(float(values[0]))
        case "word":
            return str(values[0]).replace("_", " ")


def _css_class(format: CellFormat) -> str:
    return format if format in _TEXTS else "number"


def _decimals(frame: pd.DataFrame) -> int:
    """Decimals for rows that stand together, by the usual width of their intervals."""
    if "ci_low" not in frame:
        return 2
    low, high = (
        pd.to_numeric(frame[c], errors="coerce") for c in ("ci_low", "ci_high")
    )
    return decimals_for(float((high - low).median()))
