"""The one door to the public: exact tables in, released tables out.

Nothing else makes a `ReleasedTable`, and the page, its figures and the writer of
`public/` take nothing else. What is withheld and rounded follows from what each
column declares (`analysis.report.table`); how, from `analysis.report.disclosure`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from panelstream.analysis.report import disclosure
from panelstream.analysis.report.disclosure import REDACTED
from panelstream.analysis.report.layout import Layout
from panelstream.analysis.report.table import (
    Cell,
    Companion,
    Count,
    DegreesOfFreedom,
    Kind,
    Note,
    Share,
    Statistic,
    Table,
    TableColumn,
    Total,
)
from panelstream.models.arrays import Mask, Vector
from panelstream.models.study.study import Disclosure

__all__ = ["REDACTED", "ReleasedTable", "release"]


class _Key:
    """What `release()` alone has."""


_KEY = _Key()


@dataclass(frozen=True, eq=False)
class ReleasedTable:
    """A table that may leave; made by `release()` only.

    Raises `TypeError` if anything else makes one.
    """

    name: str
    title: str
    caption: str
    layout: Layout
    _values: pd.DataFrame
    key: InitVar[_Key]

    def __post_init__(self, key: _Key) -> None:
        if key is not _KEY:
            raise TypeError("only release() makes a ReleasedTable")

    @property
    def frame(self) -> pd.DataFrame:
        """A copy of what may leave: `[REDACTED]` where a number was withheld."""
        return self._values.copy()

    def csv(self) -> str:
        """The CSV file, numbers in full."""
        return self.frame.to_csv(index=False, lineterminator="\n")


def release(tables: Iterable[Table], rule: Disclosure) -> tuple[ReleasedTable, ...]:
    """The tables as they may leave under the study's `rule`."""
    return tuple(_release(table, rule) for table in tables)


def _release(table: Table, rule: Disclosure) -> ReleasedTable:
    exact = table.exact.reset_index(drop=True)
    completed = table.infer(_rounded(exact, table, rule))
    released: dict[str, pd.Series[Any]] = {}
    for column in table.columns:
        released |= _Release(table, exact, completed, rule).column(column)
    return ReleasedTable(
        table.name,
        table.title,
        table.caption,
        table.layout,
        pd.DataFrame(released),
        _KEY,
    )


def _rounded(exact: pd.DataFrame, table: Table, rule: Disclosure) -> pd.DataFrame:
    """Statistics in the digits, and numbers of people in the rounding, of a release."""
    return exact.assign(
        **{
            name: _rounded_column(exact[name], table.kind(name), rule)
            for name in exact.columns
        }
    )


def _rounded_column(values: "pd.Series[Any]", kind: Kind, rule: Disclosure) -> Any:
    match kind:
        case Count() | Share() | Cell():
            return disclosure.rounded_n(values, rule)
        case DegreesOfFreedom():
            return disclosure.degrees_of_freedom(values.to_numpy(dtype=float), rule)
        case Statistic(digits=digits) | Companion(digits=digits):
            numeric = is_numeric_dtype(values)
            return disclosure.significant(values, digits) if numeric else values
        case _:
            return values


@dataclass(frozen=True)
class _Release:
    """One table at its release: as counted, and as completed by its inference."""

    table: Table
    exact: pd.DataFrame
    completed: pd.DataFrame
    rule: Disclosure

    def column(self, column: TableColumn) -> Mapping[str, "pd.Series[Any]"]:
        """The column as it leaves; a share and a cell with their percentages."""
        name = column.name
        match column.kind:
            case Count():
                exists = self.exact[name].notna()
                return {name: disclosure.as_text(self.counts(name), exists)}
            case Share(denominator):
                return self.share(name, denominator)
            case Cell() as cell:
                return self.cell(name, cell)
            case Total():
                return {name: disclosure.as_text(self.total(name), True)}
            case Statistic(digits=digits):
                return {name: self.statistic(name, name, digits)}
            case Companion(statistic, digits):
                return {name: self.statistic(name, statistic, digits)}
            case DegreesOfFreedom(statistic):
                return {name: self.statistic(name, statistic, None)}
            case Note():
                return {name: self.note(name)}
            case _:
                return {name: self.exact[name]}

    def counts(self, name: str) -> Vector:
        """Counts (rows,), or parts of a denominator; NaN where withheld."""
        match self.table.kind(name):
            case Share(denominator):
                return self.shares(name, denominator).counts
            case _:
                return disclosure.counts(self.exact[name], self.rule)

    def shares(self, name: str, denominator: str) -> disclosure.ReleasedShares:
        """Parts of a whole that is released as well, and may itself be withheld."""
        return disclosure.shares(
            self.exact[name],
            self.exact[denominator],
            self.rule,
            self.counts(denominator),
        )

    def share(self, name: str, denominator: str) -> Mapping[str, "pd.Series[Any]"]:
        released = self.shares(name, denominator)
        exists = self.exact[name].notna()
        some = exists & (self.exact[denominator].astype(float) > 0)
        return {
            name: disclosure.as_text(released.counts, exists),
            f"{name}_percent": disclosure.as_text(released.percent, some),
        }

    def cell(self, name: str, cell: Cell) -> Mapping[str, "pd.Series[Any]"]:
        cells, totals = self.composition(cell)
        names = self.cells_of(cell)
        exact = (
            self.exact[names].sum(axis=1).groupby(self.groups(cell)).transform("sum")
        )
        percent = disclosure.percent(cells[:, names.index(name)], totals)
        return {
            name: disclosure.as_text(cells[:, names.index(name)], True),
            f"{name}_percent": disclosure.as_text(percent, exact > 0),
        }

    def total(self, name: str) -> Vector:
        """The total (rows,) of the cells that are shown."""
        kinds = (column.kind for column in self.declared)
        cell = next(k for k in kinds if isinstance(k, Cell) and k.total == name)
        return self.composition(cell)[1]

    def composition(self, cell: Cell) -> tuple[Vector, Vector]:
        """Cells (rows, columns) that make up wholes, and the total (rows,) of each."""
        exact = self.exact[self.cells_of(cell)].to_numpy(dtype=float)
        cells, totals = np.full(exact.shape, np.nan), np.full(len(exact), np.nan)
        groups = self.groups(cell)
        for group in np.unique(groups):
            row = disclosure.row(exact[groups == group].ravel(), self.rule)
            cells[groups == group] = row.cells.reshape(-1, exact.shape[1])
            totals[groups == group] = row.total
        return cells, totals

    def cells_of(self, cell: Cell) -> list[str]:
        """The columns that make up the same denominator."""
        return [column.name for column in self.declared if column.kind == cell]

    def groups(self, cell: Cell) -> Any:
        """A number (rows,) for each denominator."""
        if not cell.by:
            return np.zeros(len(self.exact), dtype=int)
        return self.exact.groupby(list(cell.by), sort=False).ngroup().to_numpy()

    def statistic(
        self, name: str, statistic: str, digits: int | None
    ) -> "pd.Series[Any]":
        """A column (rows,) that is withheld where its `statistic` is."""
        values = self.completed[name]
        if is_numeric_dtype(values):
            values = pd.Series(disclosure.significant(values, digits))
        withheld = self.withheld(statistic) & values.notna().to_numpy()
        return values.astype(object).mask(withheld, REDACTED)

    def withheld(self, name: str) -> Mask:
        """Whether a statistic (rows,) that exists rests on too few."""
        kind = self.table.kind(name)
        if not isinstance(kind, Statistic):
            raise ValueError(f"table {self.table.name}: {name} is no statistic")
        n = self.exact[list(kind.n)].to_numpy(dtype=float).min(axis=1)
        users = self.exact[kind.users].to_numpy(dtype=float) if kind.users else np.nan
        too_few = disclosure.too_few(n, self.rule, users)
        return np.asarray(too_few & self.completed[name].notna().to_numpy())

    def note(self, name: str) -> "pd.Series[Any]":
        notes = self.exact[name].astype(object)
        return notes.map(
            lambda text: disclosure.note(text, self.rule), na_action="ignore"
        )

    @property
    def declared(self) -> tuple[TableColumn, ...]:
        """Every column, internal ones among them."""
        return (*self.table.columns, *self.table.internal)
