"""The one door: what each declaration makes of a column, and who may open it."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import panelstream
from panelstream.analysis.report.layout import Layout
from panelstream.analysis.report.release import REDACTED, ReleasedTable, release
from panelstream.analysis.report.table import (
    Cell,
    Companion,
    Count,
    DegreesOfFreedom,
    Kind,
    Label,
    Note,
    Ordinal,
    Parameter,
    Share,
    Statistic,
    Table,
    TableColumn,
    Total,
)
from panelstream.models.study.study import Disclosure

RULE = Disclosure()


def _release(exact: dict[str, list[object]], **kinds: Kind) -> pd.DataFrame:
    columns = tuple(TableColumn(name, kind) for name, kind in kinds.items())
    internal = tuple(
        TableColumn(name, Count("people")) for name in exact if name not in kinds
    )
    table = Table("t", "T", "C", pd.DataFrame(exact), columns, internal)
    [released] = release([table], RULE)
    return released.frame


def test_nothing_else_makes_a_released_table() -> None:
    """Neither with a key of one's own, nor from one that was released."""
    with pytest.raises(TypeError, match="only release"):
        ReleasedTable("t", "T", "C", Layout(), pd.DataFrame(), object())  # type: ignore[arg-type]
    [released] = release([_counts()], RULE)
    with pytest.raises((TypeError, ValueError)):
        replace(released, name="u")  # type: ignore[call-arg]


def test_one_module_names_the_constructor() -> None:
    """Over all that is shipped: `ReleasedTable(` is called in release.py alone."""
    root = Path(panelstream.__file__).parent
    callers = {
        path.relative_to(root).as_posix()
        for folder in ("models", "ingest", "analysis", "flows")
        for path in (root / folder).rglob("*.py")
        if _calls(path, "ReleasedTable")
    }
    assert callers == {"analysis/report/release.py"}


def test_a_released_table_cannot_be_changed() -> None:
    """What is handed out is a copy."""
    [released] = release([_counts()], RULE)
    frame = released.frame
    frame.loc[0, "people"] = 3
    assert released.frame["people"].tolist() == [REDACTED]
    assert released.csv() == "people\n[REDACTED]\n"


def test_counts() -> None:
    """Few are withheld, others rounded; what does not exist stays missing."""
    people = _release({"people": [0, 3, 12, np.nan]}, people=Count("people"))["people"]
    assert people[:3].tolist() == [0, REDACTED, 10]
    assert pd.isna(people[3])


def test_shares_come_with_their_percentages() -> None:
    """33 of 101; 3 of 101; 98 of 101, which leaves 3; and a part of a small whole."""
    frame = _release(
        {"part": [33, 3, 98, 2], "whole": [101, 101, 101, 5]}, part=Share("whole")
    )
    assert frame["part"].tolist() == [35, REDACTED, REDACTED, REDACTED]
    assert frame["part_percent"].tolist() == [35, REDACTED, REDACTED, REDACTED]


def test_a_share_of_a_withheld_share_has_no_percentage() -> None:
    """35 of 40 is withheld for the 5 others; 20 of those 35 stays, its share goes."""
    frame = _release(
        {"all": [40], "some": [35], "part": [20]},
        some=Share("all"),
        part=Share("some"),
    )
    assert frame["some"].tolist() == [REDACTED]
    assert frame["part"].tolist() == [20]
    assert frame["part_percent"].tolist() == [REDACTED]


def test_cells_of_a_row_make_up_its_total() -> None:
    """Of 3, 9 and 20 the 9 goes with the 3; percentages are of what is shown."""
    cell = Cell("n", by=("group",))
    frame = _release(
        {"group": ["a"], "x": [3], "y": [9], "z": [20]},
        group=Label(),
        x=cell,
        y=cell,
        z=cell,
        n=Total(),
    )
    assert frame.iloc[0][["x", "y", "z", "n"]].tolist() == [REDACTED, REDACTED, 20, 20]
    assert frame["z_percent"].tolist() == [100]


def test_cells_in_rows_make_up_the_total_of_their_group() -> None:
    """The same, one below the other, in two groups."""
    frame = _release(
        {"group": ["a", "a", "a", "b", "b"], "x": [3, 9, 20, 40, 10]},
        group=Label(),
        x=Cell("n", by=("group",)),
        n=Total(),
    )
    assert frame["x"].tolist() == [REDACTED, REDACTED, 20, 40, 10]
    assert frame["n"].tolist() == [20, 20, 20, 50, 50]


def test_statistics_of_few_take_their_companions_along() -> None:
    """7 people, or 7 users of 60; of a statistic that does not exist nothing goes."""
    frame = _release(
        {
            "mean": [1.23456, 1.23456, 1.23456, np.nan],
            "sd": [2.0, 2.0, 2.0, 2.0],
            "item": ["a", "b", "c", "d"],
            "n": [7, 60, 60, 0],
            "users": [7, 7, 8, 0],
        },
        mean=Statistic(("n",), users="users"),
        sd=Companion("mean"),
        item=Companion("mean"),
    )
    assert frame["mean"][:3].tolist() == [REDACTED, REDACTED, 1.235]
    assert frame["sd"].tolist() == [REDACTED, REDACTED, 2.0, 2.0]
    assert frame["item"].tolist() == [REDACTED, REDACTED, "c", "d"]


def test_degrees_of_freedom_are_those_of_the_rounded_people() -> None:
    """57 people are 55, and 56 degrees of freedom 54."""
    frame = _release(
        {"estimate": [1.0], "df": [56.0], "n": [57]},
        estimate=Statistic(("n",)),
        df=DegreesOfFreedom("estimate"),
    )
    assert frame["df"].tolist() == [54]


def test_notes_lose_their_counts() -> None:
    """3 singletons are withheld."""
    frame = _release({"note": ["3 rows left out", None]}, note=Note())
    assert frame["note"][0] == f"{REDACTED} rows left out"


def test_inference_sees_rounded_numbers_only() -> None:
    """n of 57 as 55 and a mean in four digits; a parameter as it is."""
    seen = []
    table = Table(
        "t",
        "T",
        "C",
        pd.DataFrame({"wave": [1], "mean": [1.23456], "n": [57], "k": [2.5]}),
        (
            TableColumn("wave", Ordinal({1})),
            TableColumn("mean", Statistic(("n",))),
            TableColumn("low", Companion("mean")),
            TableColumn("n", Count("people")),
        ),
        internal=(TableColumn("k", Parameter()),),
        infer=lambda frame: seen.append(frame) or frame.assign(low=0.5),  # type: ignore[func-returns-value]
    )
    [released] = release([table], RULE)
    assert seen[0].iloc[0].to_dict() == {"wave": 1, "mean": 1.235, "n": 55, "k": 2.5}
    assert released.frame.iloc[0].to_dict() == {
        "wave": 1,
        "mean": 1.235,
        "low": 0.5,
        "n": 55,
    }


def _counts() -> Table:
    columns = (TableColumn("people", Count("people")),)
    return Table("t", "T", "C", pd.DataFrame({"people": [3]}), columns)


def _calls(path: Path, name: str) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(isinstance(call, ast.Name) and call.id == name for call in calls)
