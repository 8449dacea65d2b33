"""The codebook: every column of the panel in words."""

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd

from panelstream.analysis.panel import codebook
from panelstream.flows import panels
from panelstream.flows.workspace import Workspace
from panelstream.models.study.checks import PANEL
from panelstream.models.study.folder import StudyFolder
from tests.lib import studies
from tests.lib.studies import Answer

AT = datetime(2027, 1, 12, tzinfo=UTC)


def built(workspace: Callable[..., Workspace]) -> tuple[StudyFolder, pd.DataFrame]:
    """A study with every kind of column, and its panel."""
    study = workspace(
        instruments=[
            "mood.yaml",
            "phq9",
            "pdd",
            "function_use",
            "demographics",
            "form",
        ],
        covariates={"fixed": ["age", "gender"], "previous_wave": ["mood_total"]},
        exposure={
            "window": {"lookback": 7},
            "functions": ["story", "reaction", "sign_in"],
            "measures": ["longest_gap", "breadth", "by_kind"],
        },
    )
    enrolled = [studies.event("enrolled", who, AT) for who in ("aki", "ben")]
    studies.send(study, enrolled)
    studies.answer(study, [Answer("aki", 1, AT)])
    [panel] = panels.build(study).by_window.values()
    return study.folder, panel


def described(workspace: Callable[..., Workspace]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The panel, and its codebook."""
    folder, panel = built(workspace)
    return panel, codebook.build_codebook(folder, panel)


def test_the_study_file_knows_every_column(
    workspace: Callable[..., Workspace],
) -> None:
    """It refuses items that are called like one, so none may be missing there."""
    folder, panel = built(workspace)
    known = {*PANEL, *folder.use_columns, *folder.answer_columns}
    known |= {f"{name}_previous" for name in known}
    assert set(panel) - known == {"age", "gender"}
    assert {"too_fast", "pdd_total_straightlined", *PANEL} <= set(panel)


def test_every_column_has_a_meaning(workspace: Callable[..., Workspace]) -> None:
    """One row a column, in the panel's order; no meaning and no source is empty."""
    panel, book = described(workspace)
    assert book["column"].tolist() == list(panel)
    for said in ("meaning", "unit", "source"):
        assert book.loc[book[said] == "", "column"].tolist() == []
    kinds = {"answered_next", "mood_total_previous", "story_count", "breadth"}
    assert {*kinds, "story_longest_gap", "reaction_given_like"} < set(book["column"])


def test_how_much_is_missing(workspace: Callable[..., Workspace]) -> None:
    """The share of rows without a value, of all rows."""
    _, book = described(workspace)
    share = book.set_index("column")["share_missing"]
    assert (share["mood_total"], share["phq9_total"]) == (0.5, 1)
    assert (share["wave"], share["story_count"]) == (0, 0)


def test_units_and_sources(workspace: Callable[..., Workspace]) -> None:
    """Columns of use come from events, scores from their instrument."""
    _, book = described(workspace)
    rows = book.set_index("column")
    source, meaning = rows["source"], rows["meaning"]
    assert rows["unit"]["story_days_per_week"] == "days a week"
    assert source["story_count"] == "events"
    assert source["mood_total"] == "mood"
    assert "U2Friend stories" in meaning["story_self_report"]
    assert meaning["mood_total_previous"] == "one wave before: Mood: sum of 2 items"
    assert source["mood_total_previous"] == "mood"


def test_codes_and_nulls_are_explained(workspace: Callable[..., Workspace]) -> None:
    """What codes stand for, and what a missing value means wherever there can be one."""
    panel, book = described(workspace)
    values = book.set_index("column")["values"]
    assert values["answered"] == "0 no; 1 yes"
    assert values["gender"].startswith("female Female; male Male; other")
    assert values["story_frequency"].endswith("5 almost every day")
    may_be_null = book.loc[book["null"] != "", "column"]
    assert {name for name in panel if panel[name].isna().any()} <= set(may_be_null)
