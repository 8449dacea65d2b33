"""From raw answers to one response a person and wave."""

from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.panel import selected_responses
from panelstream.models.instruments.instrument import Instrument, find_instrument

MOOD = """\
instrument: mood
title: {en: Mood}
reference: made up for the tests
licence: none
items:
  - {code: calm, low: 0, high: 10}
  - {code: place, choices: {home: {en: Home}, work: {en: Work}}}
scales:
  - {code: given, delivered: true, low: 0, high: 10}
"""
ITEMS = ("calm", "place", "given")
Response = tuple[str, int, str, dict[str, str]]


@pytest.fixture
def mood(tmp_path: Path) -> list[Instrument]:
    """An instrument with a number, a choice, and a score that comes ready-made."""
    (tmp_path / "mood.yaml").write_text(MOOD, encoding="utf-8")
    return [find_instrument("mood.yaml", tmp_path).value]


def raw(*responses: Response, instrument: str = "mood") -> pd.DataFrame:
    """Raw answers: who, wave, day of January, and coded text by item."""
    rows = [
        {
            "participant_id": who,
            "wave": wave,
            "responded_at": pd.Timestamp(f"2027-01-{day}", tz="UTC"),
            "instrument": instrument,
            "item": item,
            "answer": answer,
            "finished": None,
        }
        for who, wave, day, given in responses
        for item, answer in given.items()
    ]
    names = [
        *selected_responses.RESPONSE_KEYS,
        "instrument",
        "item",
        "answer",
        "finished",
    ]
    return pd.DataFrame(rows, columns=pd.Index(names))


def full(calm: int) -> dict[str, str]:
    """A complete response."""
    return {"calm": str(calm), "place": "home", "given": "7.5"}


def test_columns_and_types(mood: list[Instrument]) -> None:
    """A column an item or delivered scale: numbers, and text where there are choices."""
    [row] = selected_responses.select_responses(
        raw(("a", 1, "10", full(3))), mood
    ).to_dict("records")
    assert row == {
        "participant_id": "a",
        "wave": 1,
        "responded_at": pd.Timestamp("2027-01-10", tz="UTC"),
        "calm": 3.0,
        "place": "home",
        "mood_given": 7.5,
    }


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ([("12", full(1)), ("11", full(2))], 2),
        ([("11", full(1) | {"place": ""}), ("12", full(2))], 2),
        ([("11", full(1) | {"place": ""}), ("12", full(2) | {"place": ""})], 1),
        ([("12", full(1) | {"given": ""}), ("11", {**full(2), "place": ""})], 2),
    ],
)
def test_the_first_complete_one(
    mood: list[Instrument], given: list[tuple[str, dict[str, str]]], chosen: int
) -> None:
    """Of several the first complete one holds; without one, the first."""
    result = selected_responses.select_responses(
        raw(*[("a", 1, *entry) for entry in given]), mood
    )
    assert result["calm"].tolist() == [chosen]


def test_what_was_not_asked_is_no_gap(mood: list[Instrument]) -> None:
    """A response is complete if all it was asked is answered, however little."""
    asked = [("a", 1, "11", {"calm": "1"}), ("a", 1, "12", full(2))]
    result = selected_responses.select_responses(raw(*asked), mood)
    assert result["calm"].tolist() == [1]
    assert result["place"].isna().all()


def test_what_was_sent_in_is_complete(mood: list[Instrument]) -> None:
    """The export's own word that a response was sent in counts more than a blank."""
    partial = raw(("a", 1, "11", full(1) | {"place": ""}))
    sent = raw(("a", 1, "12", full(2) | {"place": ""})).assign(finished=True)
    result = selected_responses.select_responses(pd.concat([partial, sent]), mood)
    assert result["calm"].tolist() == [2]
    rows = selected_responses.response_sheets(
        pd.concat([partial, sent], ignore_index=True)
    )
    assert rows["complete"].tolist() == [False, True]
    assert rows["is_selected"].tolist() == [False, True]


def test_a_blank_is_missing(mood: list[Instrument]) -> None:
    """What was asked and not answered is missing, of either type."""
    result = selected_responses.select_responses(
        raw(("a", 1, "11", {"calm": "", "place": "", "given": "5"})), mood
    )
    assert result[["calm", "place"]].isna().all(axis=None)
    assert result["mood_given"].tolist() == [5]


def test_waves_and_people_apart(mood: list[Instrument]) -> None:
    """Each person has one response a wave, in their order."""
    given = [("b", 1, "11", full(1)), ("a", 2, "12", full(2)), ("a", 1, "13", full(3))]
    result = selected_responses.select_responses(raw(*given), mood)
    keys = result[["participant_id", "wave", "calm"]]
    assert keys.to_numpy().tolist() == [["a", 1, 3], ["a", 2, 2], ["b", 1, 1]]


def test_what_the_study_does_not_ask(mood: list[Instrument]) -> None:
    """Answers to other instruments, and to items long gone, are passed over."""
    other = raw(("a", 1, "10", {"calm": "9"}), instrument="other")
    gone = raw(("a", 1, "11", {**full(3), "gone": ""}))
    result = selected_responses.select_responses(pd.concat([other, gone]), mood)
    assert result["calm"].tolist() == [3]
    assert "gone" not in result


def test_nothing(mood: list[Instrument]) -> None:
    """Without answers there are no rows, and all columns."""
    result = selected_responses.select_responses(raw(), mood)
    assert result.empty
    assert [*result] == [
        *selected_responses.RESPONSE_KEYS,
        "calm",
        "place",
        "mood_given",
    ]


def test_two_forms_of_one_wave(mood: list[Instrument], tmp_path: Path) -> None:
    """Each instrument holds by itself, and the wave's time is the earlier form's."""
    text = MOOD.replace("mood", "more").replace("calm", "rest").replace("place", "town")
    (tmp_path / "more.yaml").write_text(text, encoding="utf-8")
    more = find_instrument("more.yaml", tmp_path).value
    first = raw(("a", 1, "11", full(1) | {"place": ""}))
    later = raw(("a", 1, "12", {"rest": "9"}), instrument="more")
    [row] = selected_responses.select_responses(
        pd.concat([first, later]), [*mood, more]
    ).to_dict("records")
    assert (row["calm"], row["rest"]) == (1.0, 9.0)
    assert row["responded_at"] == pd.Timestamp("2027-01-11", tz="UTC")
