"""An exact table: a number that nothing is declared of has no place in it."""

import pandas as pd
import pytest

from panelstream.analysis.report.table import (
    Count,
    Kind,
    Label,
    Note,
    Ordinal,
    Parameter,
    Table,
    TableColumn,
)


def _table(
    value: object, *columns: TableColumn, internal: tuple[TableColumn, ...] = ()
) -> Table:
    exact = pd.DataFrame({"group": ["a"], "people": [value]})
    return Table(
        "t", "T", "C", exact, (TableColumn("group", Label()), *columns), internal
    )


def test_a_column_that_is_not_declared_has_no_place() -> None:
    """Neither among those that leave, nor among internal ones."""
    with pytest.raises(ValueError, match="column people is not declared"):
        _table(3)


@pytest.mark.parametrize("value", [3, 3.0, "3", "57", " 57", "5,700", "57%"])
@pytest.mark.parametrize("kind", [Label(), Note()])
def test_a_number_is_no_label(value: object, kind: Kind) -> None:
    """Not even as text: a count cannot leave as a word."""
    with pytest.raises(ValueError, match="people is no"):
        _table(value, TableColumn("people", kind))


@pytest.mark.parametrize("value", ["b", "wave 3", True, None])
def test_words_are_labels(value: object) -> None:
    """Names, yes and no, and what is missing."""
    assert _table(value, TableColumn("people", Label())).kind("people") == Label()


def test_an_ordinal_is_one_of_the_design() -> None:
    """A count of 3 is none of two waves."""
    waves = Ordinal({1, 2})
    assert _table(2, TableColumn("people", waves)).kind("people") == waves
    with pytest.raises(ValueError, match="people is no Ordinal"):
        _table(3, TableColumn("people", waves))


def test_a_parameter_is_internal() -> None:
    """It is there to compute from; it cannot be declared as a column that leaves."""
    with pytest.raises(ValueError, match="people is internal"):
        _table(3, TableColumn("people", Parameter()))
    inside = (TableColumn("people", Parameter()),)
    assert _table(3, internal=inside).kind("people") == Parameter()


def test_a_count_may_be_of_few() -> None:
    """The exact table holds it; its release withholds it."""
    table = _table(3, TableColumn("people", Count("people")))
    assert table.exact["people"].tolist() == [3]
