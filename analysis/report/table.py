"""An exact table: every column declares what its numbers are.

The declarations are all that `release()` goes by. A number that nothing is declared
of has no place in a table, so that none can leave by being overlooked.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from numbers import Number
from typing import Any

import pandas as pd

from panelstream.analysis.report.layout import Layout

_WHOLE_NUMBER = re.compile(r"\s*[+-]?\d{1,9}(,\d{3})*\s*%?\s*")


@dataclass(frozen=True)
class Label:
    """Words: names, codes, days. Neither a number nor a text that is one."""


@dataclass(frozen=True)
class Ordinal:
    """A number of the study's design, not of its people: one of `among`.

    Numbers of waves, rounds and versions.
    """

    among: Collection[int]


@dataclass(frozen=True)
class Count:
    """How many there are `of` something: people, rows or events."""

    of: str


@dataclass(frozen=True)
class Share:
    """A part of the count in the column `denominator`; released with its percentage."""

    denominator: str


@dataclass(frozen=True)
class Cell:
    """One of the counts that make up a whole, released with its percentage.

    The whole: all cells with the same `total` in rows with equal values of `by`.
    """

    total: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Total:
    """The total of the cells that are shown; not computed before release."""


@dataclass(frozen=True)
class Statistic:
    """A number that rests on as many people as each column of `n` counts.

    `users`: of them those with any use, where zero is no use. `digits`: significant
    digits, as a mean in full gives its n away; None for all.
    """

    n: tuple[str, ...]
    users: str = ""
    digits: int | None = 4


@dataclass(frozen=True)
class Companion:
    """A number or a word that belongs to a `statistic` and is withheld with it."""

    statistic: str
    digits: int | None = 4


@dataclass(frozen=True)
class DegreesOfFreedom:
    """Of a `statistic`, people less one or Satterthwaite's; withheld with it."""

    statistic: str


@dataclass(frozen=True)
class Note:
    """A sentence whose whole numbers are counts."""


@dataclass(frozen=True)
class Parameter:
    """A number that intervals are computed from; internal, it never leaves."""


Kind = (
    Label
    | Ordinal
    | Count
    | Share
    | Cell
    | Total
    | Statistic
    | Companion
    | DegreesOfFreedom
    | Note
    | Parameter
)
Completion = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class TableColumn:
    """A column of the CSV file, or of what the rules need to know."""

    name: str
    kind: Kind


def _unchanged(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


@dataclass(frozen=True)
class Table:
    """An exact table that waits for its release.

    `name` is the name of its CSV file; `columns` leave in their order; `internal`
    ones are there for the rules only. `infer` completes the table at its release:
    it is given statistics in the digits and numbers of people in the rounding in
    which they leave, so that nobody can solve what it returns (limits, p-values)
    for exact ones.

    Raises `ValueError` for a column that is not declared and for a number that is
    declared as a `Label` or an `Ordinal` without being one.
    """

    name: str
    title: str
    caption: str
    exact: pd.DataFrame
    columns: tuple[TableColumn, ...]
    internal: tuple[TableColumn, ...] = ()
    infer: Completion = _unchanged
    layout: Layout = field(default=Layout())

    def __post_init__(self) -> None:
        _check_declared(self)
        for column in (*self.columns, *self.internal):
            if column.name in self.exact:
                _check_values(self, column)

    def kind(self, name: str) -> Kind:
        """What the column `name` is declared to be."""
        return next(
            column.kind
            for column in (*self.columns, *self.internal)
            if column.name == name
        )


def columns(kind: Kind, *names: str) -> tuple[TableColumn, ...]:
    """Several columns of one kind."""
    return tuple(TableColumn(name, kind) for name in names)


def stack(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames below one another; an empty one adds nothing."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _check_declared(table: Table) -> None:
    names = [column.name for column in (*table.columns, *table.internal)]
    for name in table.exact.columns:
        if name not in names:
            raise ValueError(f"table {table.name}: column {name} is not declared")
    for column in table.columns:
        if isinstance(column.kind, Parameter):
            raise ValueError(f"table {table.name}: {column.name} is internal")


def _check_values(table: Table, column: TableColumn) -> None:
    for value in table.exact[column.name].dropna().unique():
        if not _fits(value, column.kind):
            kind = type(column.kind).__name__
            raise ValueError(f"table {table.name}: {column.name} is no {kind}")


def _fits(value: Any, kind: Kind) -> bool:
    match kind:
        case Label() | Note():
            number = isinstance(value, Number) and not isinstance(value, bool)
            return not number and not _WHOLE_NUMBER.fullmatch(str(value))
        case Ordinal(among):
            return value in among
        case _:
            return True
