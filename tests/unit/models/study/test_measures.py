"""Further measures: their files, and the columns that a study asks for."""

from pathlib import Path

import pytest

from panelstream.analysis.plan.specifications import expand_plan
from panelstream.models.errors import FileError
from panelstream.models.events import catalogue
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.study import measures
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.study.measures import (
    Definition,
    column_name,
    definitions,
    measure_columns,
    measure_scope,
)
from tests.lib import measures_oracle

SPECS = Path(__file__).parents[3] / "spec" / "exposure" / "measures"
ORACLE = (
    {*measures_oracle.OF_FUNCTION, *measures_oracle.OF_PERSON}
    | {"dose_to_date", "by_field"}  # which the oracle does by itself
)

GOOD = """\
study: panel
title: A panel
timezone: Asia/Tokyo
waves: [{wave: 1, opens_on: 2027-01-11, closes_on: 2027-01-31}]
instruments: [phq9]
exposure:
  functions: [story, reaction]
  measures: [active_weeks, by_kind, sessions]
outcomes: [phq9_total]
plan:
  exploratory:
    - specification: weeks
      estimator: pooled
      outcomes: [phq9_total]
      exposures: [story]
      measure: active_weeks
    - specification: kinds
      estimator: pooled
      outcomes: [phq9_total]
      exposures: [reaction_given_like, reaction_given_want_to_do]
      measure: by_kind
    - specification: visits
      estimator: pooled
      outcomes: [phq9_total]
      measure: sessions
"""


@pytest.fixture(scope="module")
def u2plus() -> Catalogue:
    """The shipped catalogue."""
    return catalogue.find_catalogue("u2plus", Path())


def load(folder: Path, text: str) -> StudyFolder:
    """A study folder with the text."""
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return load_study(folder)


@pytest.mark.parametrize("name", definitions())
def test_every_measure_is_defined_and_specified(name: str) -> None:
    """Its header says all that readers are told; a table and the oracle hold it."""
    one = definitions()[name]
    assert one.scope in ("function", "person", "value")
    assert "" not in (one.meaning, one.unit, one.null, one.words)
    assert (SPECS / f"{name}.txt").exists()
    assert name in ORACLE


def test_a_header() -> None:
    """Meaning, keys and words are separated."""
    assert definitions()["active_weeks"] == Definition(
        name="active_weeks",
        meaning="Weeks of the window with use of the function",
        scope="function",
        unit="weeks",
        null="consent or the log does not cover the whole window",
        prorated=False,
        to_date=False,
        words=(
            "A week is seven study-local days, counted from the first day of the"
            " window; the last one may be shorter. Without use it is 0."
        ),
    )
    assert definitions()["dose_to_date"].to_date
    assert definitions()["by_field"].prorated


def test_columns(u2plus: Catalogue) -> None:
    """One for each function, one for the person, or one for each value of the field."""
    asked = measure_columns(
        ["longest_gap", "breadth", "by_target"], ["story", "reaction"], u2plus
    )
    assert [(entry.name, entry.functions) for entry in asked] == [
        ("story_longest_gap", ("story",)),
        ("reaction_longest_gap", ("reaction",)),
        ("breadth", ("story", "reaction")),
        ("reaction_given_story", ("reaction",)),
        ("reaction_given_funcan", ("reaction",)),
        ("reaction_given_column", ("reaction",)),
    ]
    labels = [measures.column_label(one, u2plus) for one in asked]
    assert labels[1:4] == ["Reactions", "Breadth", "Reactions: story"]


def test_what_a_study_may_ask_for(u2plus: Catalogue) -> None:
    """A field counts only where its acts count towards a function of the study."""
    assert measures.available_measures(["story"], u2plus) == [
        name for name in definitions() if name != "by_field"
    ]
    assert measures.available_measures(["reaction"], u2plus)[-2:] == [
        "by_kind",
        "by_target",
    ]


def test_names_of_columns() -> None:
    """Of a function by its measure; what is of no function has a name of its own."""
    assert column_name("story", "days_per_week") == "story_days_per_week"
    assert column_name("story", "regularity") == "story_regularity"
    assert column_name("sessions", "sessions") == "sessions"
    assert column_name("reaction_given_like", "by_kind") == "reaction_given_like"
    assert (
        measure_scope("count"),
        measure_scope("by_kind"),
        measure_scope("breadth"),
    ) == (
        "function",
        "value",
        "person",
    )


def test_a_plan_may_name_them(tmp_path: Path) -> None:
    """Each specification has the columns of its measure."""
    folder = load(tmp_path, GOOD)
    assert [measure.name for measure in folder.measures][-2:] == [
        "reaction_given_empathy",
        "sessions",
    ]
    result = [entry.columns for entry in expand_plan(folder.study)]
    assert result == [
        ("story_active_weeks",),
        ("reaction_given_like", "reaction_given_want_to_do"),
        ("sessions",),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("[active_weeks, by", "[active_week, by", 8, "did you mean 'active_weeks'?"),
        ("by_kind, sessions]", "by_mood, sessions]", 8, "no measure 'by_mood'"),
        ("by_kind, sessions]", "by_field, sessions]", 8, "no measure 'by_field'"),
        ("by_kind, sessions]", "sessions, sessions]", 8, "duplicate 'sessions'"),
        (
            "measure: active_weeks",
            "measure: longest_gap",
            16,
            "under exposure: measures",
        ),
        ("measure: active_weeks", "measure: dayz", 16, "did you mean 'days'?"),
        ("reaction_given_like,", "reaction_given_lik,", 20, "'reaction_given_like'?"),
        ("exposures: [story]", "exposures: [sessions]", 15, "known: story, reaction"),
        (
            "      measure: sessions",
            "      exposures: [story]\n      measure: sessions",
            22,
            "sessions is of the person; give no exposures",
        ),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    """Each mistake is answered with file, line, and what would be right."""
    assert GOOD.count(old) == 1
    with pytest.raises(FileError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    assert says in caught.value.problem
    assert caught.value.place == str(line)


TWO_WORDS = """\
catalogue: forum
namespace: forum
sources: [forum]
functions: [post]
types:
  forum.posted:
    function: post
    data:
      mood: {kind: one_of, choices: [so so, so-so]}
"""


def test_values_that_make_one_column(tmp_path: Path) -> None:
    """Two values that differ only in signs cannot stand beside each other."""
    (tmp_path / "forum.yaml").write_text(TWO_WORDS, encoding="utf-8")
    text = GOOD.partition("plan:")[0].replace("[story, reaction]", "[post]")
    text = text.replace("timezone:", "catalogue: forum.yaml\ntimezone:")
    asked = text.replace("[active_weeks, by_kind, sessions]", "[by_mood]")
    with pytest.raises(FileError, match="duplicate column 'posted_so_so'"):
        load(tmp_path, asked)
