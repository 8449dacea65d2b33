"""Instruments: the shipped files, and what a file may not say."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.scoring import score
from models import instruments
from models.errors import FileError

SHIPPED = ["phq9", "pdd", "ghsq", "function_use", "demographics"]
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


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_instruments_are_complete(name: str, tmp_path: Path) -> None:
    """Every shipped file says where it is from, its licence, and all labels twice."""
    instrument = instruments.find(name, tmp_path).value
    assert instrument.instrument == name
    assert instrument.reference
    assert instrument.licence
    texts = [instrument.title, *(item.label for item in instrument.items)]
    texts += [scale.label for scale in instrument.scales]
    texts += [text for item in instrument.items for text in item.choices.values()]
    assert all(set(text) == {"en", "ja"} for text in texts)


def test_every_shipped_file_is_tested() -> None:
    """A new instrument file joins the list above."""
    files = {path.stem for path in instruments.SHIPPED.glob("*.yaml")}
    assert files == set(SHIPPED)


def test_score_columns(tmp_path: Path) -> None:
    """Scores are named `<instrument>_<scale>`."""
    columns = [
        column
        for name in SHIPPED
        for column in instruments.find(name, tmp_path).value.score_columns
    ]
    assert columns == ["phq9_total", "pdd_total", "ghsq_formal", "ghsq_informal"]


def test_reversed_items_of_pdd(tmp_path: Path) -> None:
    """The six items that express acceptance are reversed, by code."""
    items = instruments.find("pdd", tmp_path).value.items
    turned = [item.code for item in items if item.reversed]
    assert turned == ["pdd_1", "pdd_2", "pdd_3", "pdd_4", "pdd_8", "pdd_10"]


def test_bands_of_phq9_cover_the_scale_once(tmp_path: Path) -> None:
    """Each whole total from 0 to 27 has exactly one severity band."""
    bands = instruments.find("phq9", tmp_path).value.bands
    for total in range(28):
        assert sum(band.low <= total <= band.high for band in bands) == 1


def test_self_reports(tmp_path: Path) -> None:
    """Items about use name the function they ask about."""
    reports = instruments.self_reports(instruments.find("function_use", tmp_path).value)
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
    instrument = instruments.find("pdd", tmp_path).value
    answers = pd.DataFrame([range(12)], columns=instrument.codes).clip(upper=5)
    straight = score(instrument, answers)
    turned = score(instrument, answers[answers.columns[::-1]])
    pd.testing.assert_frame_equal(straight, turned)


def test_a_column_that_was_not_asked_is_missing(tmp_path: Path) -> None:
    """An item that is not in the export counts as missing in every response."""
    instrument = instruments.find("ghsq", tmp_path).value
    answers = pd.DataFrame({"ghsq_physician": [3.0], "ghsq_online_counselling": [4.0]})
    scored = score(instrument, answers).iloc[0]
    assert scored["ghsq_formal"] == 3.5
    assert scored["ghsq_formal_missing"] == 1
    assert scored["ghsq_informal_missing"] == 3


def test_delivered_scale(tmp_path: Path) -> None:
    """A score delivered ready-made is taken as it is, within its bounds."""
    scales = "scales: [{code: stress, delivered: true, low: 20, high: 80}]\n"
    header = TINY.split("items:")[0]
    folder = written(tmp_path, header + scales)
    instrument = instruments.find("tiny.yaml", folder).value
    scored = score(instrument, pd.DataFrame({"tiny_stress": [46.0]}))
    assert instrument.codes == ["stress"]
    assert scored["tiny_stress"].tolist() == [46.0]
    assert instrument.accepts("stress", "46.5")
    assert not instrument.accepts("stress", "81")
    assert not instrument.accepts("stress", "nan")


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        (TINY + "scales: [{code: s, items: [a, bb]}]\n", "1", "no item 'bb'"),
        (TINY + "scales: [{code: s}]\n", "8", "list the items, or say delivered"),
        (TINY + "  - {code: c, low: 3, high: 3}\n", "8", "low must be below high"),
        (TINY + "  - {code: c, low: 3}\n", "8", "give either low and high, or choices"),
        (TINY + "  - {code: c, lo: 3, high: 4}\n", "8", "did you mean 'low'?"),
    ],
)
def test_mistakes_in_a_file(text: str, place: str, remedy: str, tmp_path: Path) -> None:
    """A mistake is answered with its line and what to do."""
    with pytest.raises(FileError) as caught:
        instruments.find("tiny.yaml", written(tmp_path, text))
    assert caught.value.place == place
    assert remedy in caught.value.problem


def test_unknown_instrument(tmp_path: Path) -> None:
    """A near miss of a shipped name is answered with the name."""
    with pytest.raises(FileError, match="did you mean 'phq9'"):
        instruments.find("phq-9", tmp_path)
