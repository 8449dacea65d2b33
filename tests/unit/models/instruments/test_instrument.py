"""Instruments: the shipped files, and what a file may not say."""

from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.panel.scoring import score_instrument
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import (
    SHIPPED_INSTRUMENTS,
    find_instrument,
    self_reports,
)

SHIPPED_NAMES = sorted(path.stem for path in SHIPPED_INSTRUMENTS.glob("*.yaml"))
TINY = """\
instrument: tiny
title: {en: Tiny}
reference: nobody
licence: none
items:
  - {code: a, low: 0, high: 4}
  - {code: b, low: 0, high: 4, reversed: true}
"""


def written(folder: Path, text: str) -> Path:
    """A folder with `tiny.yaml`."""
    (folder / "tiny.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_shipped_instruments_are_complete(name: str, tmp_path: Path) -> None:
    """Every shipped file says where it is from, its licence, and all labels twice."""
    instrument = find_instrument(name, tmp_path).value
    assert instrument.instrument == name
    assert instrument.reference
    assert instrument.licence
    texts = [instrument.title, *(item.label for item in instrument.items)]
    texts += [scale.label for scale in instrument.scales]
    texts += [text for item in instrument.items for text in item.choices.values()]
    texts += [*instrument.answers.values(), *(band.label for band in instrument.bands)]
    assert all(set(text) == {"en", "ja"} for text in texts)


@pytest.mark.parametrize(
    ("name", "scales"),
    [
        ("phq9", ["phq9_total", "phq9_thoughts"]),
        ("phq8", ["phq8_total"]),
        ("ahsq", ["ahsq_formal", "ahsq_informal", "ahsq_sources"]),
        ("demographics", []),
    ],
)
def test_score_columns(name: str, scales: list[str], tmp_path: Path) -> None:
    """Scores are named `<instrument>_<scale>`."""
    assert find_instrument(name, tmp_path).value.score_columns == scales


def test_phq8_is_the_phq9_without_its_last_item(tmp_path: Path) -> None:
    """The same eight questions and answers, under their own codes."""
    nine, eight = (find_instrument(n, tmp_path).value for n in ("phq9", "phq8"))
    assert [i.label for i in eight.items] == [i.label for i in nine.items[:8]]
    assert eight.answers == nine.answers


def test_behaviour_is_asked_of_the_same_sources_as_the_intention(
    tmp_path: Path,
) -> None:
    """AHSQ and GHSQ differ in what they ask, not in whom they ask about."""
    ghsq, ahsq = (find_instrument(n, tmp_path).value for n in ("ghsq", "ahsq"))
    assert [i.label for i in ahsq.items] == [i.label for i in ghsq.items]
    assert ahsq.period["en"] == "the past two weeks"


@pytest.mark.parametrize(
    ("name", "scale", "low", "high"),
    [
        ("phq9", "total", 0, 27),
        ("phq9", "thoughts", 0, 1),
        ("phq8", "total", 0, 24),
        ("pdd", "total", 0, 60),
        ("ghsq", "formal", 1, 7),
        ("ghsq", "no_one", 1, 7),
        ("ahsq", "formal", 0, 1),
        ("ahsq", "sources", 0, 6),
    ],
)
def test_bounds(name: str, scale: str, low: float, high: float, tmp_path: Path) -> None:
    """The lowest and the highest score that a scale can give."""
    instrument = find_instrument(name, tmp_path).value
    [result] = [entry for entry in instrument.scales if entry.code == scale]
    assert instrument.bounds(result) == (low, high)


def test_reversed_items_of_pdd(tmp_path: Path) -> None:
    """The six items that express acceptance are reversed, by code."""
    items = find_instrument("pdd", tmp_path).value.items
    turned = [item.code for item in items if item.reversed]
    assert turned == ["pdd_1", "pdd_2", "pdd_3", "pdd_4", "pdd_8", "pdd_10"]


@pytest.mark.parametrize(("name", "highest"), [("phq9", 27), ("phq8", 24)])
def test_bands_cover_the_scale_once(name: str, highest: int, tmp_path: Path) -> None:
    """Each whole total has exactly one severity band."""
    bands = find_instrument(name, tmp_path).value.bands
    for total in range(highest + 1):
        assert sum(band.low <= total <= band.high for band in bands) == 1


def test_value_labels(tmp_path: Path) -> None:
    """Yes or no, single answers and self-reports have labels, in both languages."""
    phq9, ghsq, use = (
        find_instrument(name, tmp_path).value
        for name in ("phq9", "ghsq", "function_use")
    )
    assert phq9.value_labels() == {"phq9_thoughts": {0: "No", 1: "Yes"}}
    assert ghsq.value_labels()["ghsq_no_one"][7] == "Extremely likely"
    assert use.value_labels("ja")["story_self_report"][5] == "ほぼ毎日"
    assert use.value_labels("fr") == {}


def test_a_turned_answer_keeps_its_label(tmp_path: Path) -> None:
    """The score 4 of a reversed item 0 to 4 is the answer 0."""
    text = TINY + "answers: {0: {en: never}}\nscales: [{code: b, items: [b]}]\n"
    instrument = find_instrument("tiny.yaml", written(tmp_path, text)).value
    assert instrument.value_labels() == {"tiny_b": {4: "never"}}


def test_labels_of_answers(tmp_path: Path) -> None:
    """Coded answers by the text of their option, with what does not apply."""
    ghsq, demographics = (
        find_instrument(n, tmp_path).value for n in ("ghsq", "demographics")
    )
    partner, friend, *_ = ghsq.items
    assert list(ghsq.labels(partner)) == ["1", "7", "8"]
    assert list(ghsq.labels(friend)) == ["1", "7"]
    gender = demographics.items[1]
    assert demographics.labels(gender)["female"] == {"en": "Female", "ja": "女性"}


def test_self_reports(tmp_path: Path) -> None:
    """Items about use name the function they ask about."""
    reports = self_reports(find_instrument("function_use", tmp_path).value)
    assert reports == {
        "sign_in": "use_sign_in",
        "reaction": "use_reaction",
        "story": "use_story",
        "cycle": "use_cycle",
        "funcan": "use_funcan",
        "column": "use_column",
    }


def test_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    """Items are found by code, so a reordered export scores the same."""
    instrument = find_instrument("pdd", tmp_path).value
    answers = pd.DataFrame([range(12)], columns=instrument.codes).clip(upper=5)
    straight = score_instrument(instrument, answers)
    turned = score_instrument(instrument, answers[answers.columns[::-1]])
    pd.testing.assert_frame_equal(straight, turned)


def test_a_column_that_was_not_asked_is_missing(tmp_path: Path) -> None:
    """An item that is not in the export counts as missing in every response."""
    instrument = find_instrument("ghsq", tmp_path).value
    answers = pd.DataFrame({"ghsq_physician": [3.0], "ghsq_online_counselling": [4.0]})
    scored = score_instrument(instrument, answers).iloc[0]
    assert scored["ghsq_formal"] == 3.5
    assert scored["ghsq_formal_missing"] == 1
    assert scored["ghsq_informal_missing"] == 3


def test_delivered_scale(tmp_path: Path) -> None:
    """A score delivered ready-made is taken as it is, within its bounds."""
    scales = "scales: [{code: stress, delivered: true, low: 20, high: 80}]\n"
    header = TINY.split("items:")[0]
    folder = written(tmp_path, header + scales)
    instrument = find_instrument("tiny.yaml", folder).value
    scored = score_instrument(instrument, pd.DataFrame({"tiny_stress": [46.0]}))
    assert instrument.codes == ["stress"]
    assert scored["tiny_stress"].tolist() == [46.0]
    assert instrument.accepts("stress", "46.5")
    assert not instrument.accepts("stress", "81")
    assert not instrument.accepts("stress", "nan")


SUM = "scales: [{code: s, items: [a, b]}]\n"


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ("  - {code: c, low: 3, high: 3}\n", 8, "low must be below high"),
        ("  - {code: c, low: 3}\n", 8, "give either low and high, or choices"),
        ("  - {code: c, low: 1, choices: {x: {}}}\n", 8, "either low and high"),
        ("  - {code: c, reversed: true}\n", 8, "give either low and high"),
        ("  - {code: c, choices: {x: {}}, reversed: true}\n", 8, "reversed needs low"),
        ("  - {code: c, choices: {x: {}}, not_applicable: 9}\n", 8, "of the choices"),
        ("  - {code: c, low: 0, high: 4, not_applicable: 4}\n", 8, "outside low to"),
        ("  - {code: c, lo: 3, high: 4}\n", 8, "did you mean 'low'?"),
        ("  - {code: a, low: 0, high: 4}\n", 8, "duplicate code 'a'"),
        ("answers:\n  0: {en: never}\n  5: {en: x}\n", 10, "no item has 5"),
        ("scales: [{code: s}]\n", 8, "list the items, or say delivered"),
        ("scales:\n  - code: s\n    items: [a, bb]\n", 10, "no item 'bb'"),
        ("scales:\n  - code: s\n    items: [a, a]\n", 10, "duplicate item 'a'"),
        ("scales: [{code: s, items: [a], high: 4}]\n", 8, "are for a delivered score"),
        (
            "  - {code: c, choices: {x: {}}}\nscales: [{code: s, items: [c]}]\n",
            9,
            "no numbers to score",
        ),
        (
            "  - {code: c, low: 0, high: 4, not_applicable: 9}\n"
            "scales: [{code: s, items: [c]}]\n",
            9,
            "use method: mean",
        ),
        (
            "scales:\n  - code: s\n    items: [a, b]\n"
            "    missing:\n      allowed: 2\n      basis: ours\n",
            12,
            "allow fewer than 2",
        ),
        (SUM + "  \nscales: []\n", 10, "duplicate key 'scales'"),
        (SUM + "bands: [{scale: t, low: 0, high: 8, label: {}}]\n", 9, "no scale 't'"),
        (
            SUM + "bands: [{scale: s, low: 8, high: 0, label: {}}]\n",
            9,
            "low must not be above high",
        ),
        (
            SUM + "bands:\n  - {scale: s, low: 1, high: 8, label: {}}\n",
            10,
            "begin at 0",
        ),
        (SUM + "bands:\n  - {scale: s, low: 0, high: 7, label: {}}\n", 10, "up to 8"),
        (
            SUM + "bands:\n  - {scale: s, low: 0, high: 4, label: {}}\n"
            "  - {scale: s, low: 4, high: 8, label: {}}\n",
            11,
            "overlaps the band to 4",
        ),
        (
            SUM + "bands:\n  - {scale: s, low: 0, high: 4, label: {}}\n"
            "  - {scale: s, low: 6, high: 8, label: {}}\n",
            11,
            "no band from 4 to here",
        ),
    ],
)
def test_mistakes_in_a_file(text: str, place: int, remedy: str, tmp_path: Path) -> None:
    """A mistake is answered with its line and what to do."""
    with pytest.raises(FileError) as caught:
        find_instrument("tiny.yaml", written(tmp_path, TINY + text))
    assert caught.value.place == str(place)
    assert remedy in caught.value.problem


def test_unknown_instrument(tmp_path: Path) -> None:
    """A near miss of a shipped name is answered with the name."""
    with pytest.raises(FileError, match="did you mean 'phq9'"):
        find_instrument("phq-9", tmp_path)
