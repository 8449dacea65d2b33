"""The scoring rules, as tables worked by hand."""

from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.panel import careless_responding
from panelstream.analysis.panel.scoring import score
from panelstream.models.instruments.instrument import Instrument, find_instrument
from tests.lib import ascii_table

HERE = Path(__file__).parent
SOURCES = {
    "professional": "mental_health_professional",
    "online": "online_counselling",
}
STRESS = """
instrument: stai
title: {en: State anxiety}
reference: made up for the tests
licence: none
scales: [{code: stress, delivered: true, low: 20, high: 80}]
"""


MOOD = """
instrument: mood
title: {en: Mood}
reference: made up for the tests
licence: none
items:
  - {code: calm, low: 1, high: 5}
  - {code: tense, low: 1, high: 5, reversed: true}
  - {code: work, low: 1, high: 5, not_applicable: 9}
scales:
  - {code: mean, items: [calm, tense, work], method: mean, missing: {allowed: 1, basis: ours}}
  - {code: high, items: [calm, tense, work], method: count, at_least: 4}
  - {code: top, items: [calm, tense, work], method: any, at_least: 5}
"""


def shipped(name: str) -> Instrument:
    """A shipped instrument."""
    return find_instrument(name, HERE).value


def table(name: str) -> pd.DataFrame:
    """A table of this folder; `.` is a missing answer, `none` a missing score."""
    rows = pd.DataFrame(ascii_table.read_file(HERE / f"{name}.txt"))
    return rows.replace({".": "nan", "none": "nan"}).astype(float)


def answers(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of a table that are items of an instrument, under their codes."""
    coded = rows.rename(columns=SOURCES).add_prefix(f"{name}_")
    return coded[[code for code in shipped(name).codes if code in coded]]


def same(found: pd.DataFrame, expected: dict[str, pd.Series]) -> None:
    """Each column holds what the table says, to its six decimals."""
    for column, values in expected.items():
        exact = pytest.approx(values.tolist(), abs=1e-6, nan_ok=True)
        assert found[column].astype(float).tolist() == exact, column


@pytest.mark.parametrize(
    ("name", "rule"),
    [("phq9", "sum_and_prorate"), ("pdd", "reversed_items"), ("phq8", "phq8")],
)
def test_totals(name: str, rule: str) -> None:
    """A total is what the table says, as is the number of missing items."""
    rows = table(rule)
    scored = score(shipped(name), answers(name, rows))
    same(
        scored,
        {
            f"{name}_total": rows["total"],
            f"{name}_total_missing": rows["missing"],
            f"{name}_total_prorated": rows["p"],
        },
    )


def test_item_nine_counts_by_itself() -> None:
    """The raw answer to item 9 decides, not the total."""
    rows = table("raw_item")
    scored = score(shipped("phq9"), answers("phq9", rows))
    same(scored, {"phq9_total": rows["total"], "phq9_thoughts": rows["thoughts"]})


def test_means() -> None:
    """A mean is what the table says, whatever the sources outside its scale."""
    rows = table("mean_of_sources")
    scored = score(shipped("ghsq"), answers("ghsq", rows))
    same(scored, {f"ghsq_{scale}": rows[scale] for scale in ("formal", "informal")})


def test_what_does_not_apply() -> None:
    """A source that somebody does not have is left out, and is not missing."""
    rows = table("not_applicable")
    scored = score(shipped("ghsq"), answers("ghsq", rows))
    same(
        scored,
        {
            "ghsq_informal": rows["informal"],
            "ghsq_informal_missing": rows["missing"],
            "ghsq_informal_prorated": rows["p"],
            "ghsq_partner": rows["partner alone"],
        },
    )


def test_help_that_was_sought() -> None:
    """Whether, and from how many, as far as the answers settle it."""
    rows = table("count_and_any")
    scored = score(shipped("ahsq"), answers("ahsq", rows))
    scales = ("formal", "informal", "sources")
    same(scored, {f"ahsq_{scale}": rows[scale] for scale in scales})


def test_all_rules_together(tmp_path: Path) -> None:
    """Reversal where codes begin at one, limits of a count, and what does not apply."""
    (tmp_path / "mood.yaml").write_text(MOOD, encoding="utf-8")
    rows = table("from_one_to_five")
    scored = score(find_instrument("mood.yaml", tmp_path).value, rows)
    scales = {f"mood_{scale}": rows[scale] for scale in ("mean", "high", "top")}
    never = pd.Series(0.0, rows.index)
    same(
        scored,
        {**scales, "mood_mean_prorated": rows["p"], "mood_top_prorated": never},
    )


def test_delivered_scores(tmp_path: Path) -> None:
    """A delivered score is neither computed nor prorated."""
    (tmp_path / "stai.yaml").write_text(STRESS, encoding="utf-8")
    stai, rows = find_instrument("stai.yaml", tmp_path).value, table("delivered")
    scored = score(stai, rows.add_prefix("stai_"))
    same(
        scored,
        {
            "stai_stress": rows["score"],
            "stai_stress_missing": rows["missing"],
            "stai_stress_prorated": rows["p"],
        },
    )


def test_signs_of_careless_answering() -> None:
    """Straight lines and contradictions are flagged where enough was answered."""
    rows = table("careless")
    found = careless_responding.flags([shipped("pdd")], answers("pdd", rows))
    flags = ("straightlined", "inconsistent")
    same(found, {f"pdd_total_{flag}": rows[flag] for flag in flags})


def test_too_fast() -> None:
    """Two seconds an item, of all items of the form."""
    rows = table("too_fast").rename(columns={"seconds": "form_seconds"})
    given = rows.rename(columns={str(n): f"phq9_{n}" for n in range(1, 5)})
    known = [shipped(name) for name in ("phq9", "demographics", "form")]
    same(careless_responding.flags(known, given), {"too_fast": rows["too_fast"]})


def test_only_contradictions_can_be_seen() -> None:
    """Nine zeros in a PHQ-9 are an answer: no item is reversed, nothing is flagged."""
    zeros = pd.DataFrame(0.0, index=[0], columns=shipped("phq9").codes)
    assert careless_responding.flags([shipped("phq9")], zeros).columns.empty


@pytest.mark.parametrize(
    "row",
    ascii_table.read_file(HERE / "accepted_answers.txt"),
    ids=lambda row: f"{row['item']}={row['answer']}",
)
def test_accepted_answers(row: dict[str, str]) -> None:
    """An answer is taken if the item's range or choices have it, and only then."""
    accepted = shipped(row["instrument"]).accepts(row["item"], row["answer"])
    assert accepted == (row["accepted"] == "yes")
