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


def raw(
    *responses: Response,
    instrument: str = "mood",
    response: str = "",
    finished: bool | None = None,
) -> pd.DataFrame:
    """Raw answers: who, wave, day of January, and coded text by item.

    `response`: its identity, if not the day.
    """
    rows = [
        {
            "participant_id": who,
            "wave": wave,
            "response": response or day,
            "responded_at": pd.Timestamp(f"2027-01-{day}", tz="UTC"),
            "instrument": instrument,
            "item": item,
            "answer": answer,
            "finished": finished,
        }
        for who, wave, day, given in responses
        for item, answer in given.items()
    ]
    names = [
        *selected_responses.RESPONSE_KEYS,
        "responded_at",
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
        ([("11", {"calm": "1", "place": ""}), ("12", full(2))], 2),
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


def test_complete_is_what_the_wave_asks(mood: list[Instrument]) -> None:
    """An item that other responses of the wave hold is a gap; of another wave it is none."""
    asked = [
        ("a", 1, "11", {"calm": "1"}),
        ("b", 1, "12", full(2)),
        ("a", 2, "13", {"calm": "3"}),
    ]
    sheets = selected_responses.response_sheets(raw(*asked), mood)
    assert sheets["complete"].tolist() == [False, True, True]
    result = selected_responses.select_responses(raw(*asked), mood)
    assert result["calm"].tolist() == [1, 3, 2]


def test_what_was_sent_in_is_not_complete(mood: list[Instrument]) -> None:
    """The export's word that a response was sent in does not fill a blank."""
    partial = raw(("a", 1, "11", full(1) | {"place": ""}), finished=False)
    sent = raw(("a", 1, "12", full(2) | {"place": ""}), finished=True)
    both = pd.concat([partial, sent], ignore_index=True)
    rows = selected_responses.response_sheets(both, mood)
    assert rows["complete"].tolist() == [False, False]
    assert rows["unfinished"].tolist() == [True, False]
    assert rows["is_selected"].tolist() == [True, False]


def test_usable_goes_before_blank(mood: list[Instrument]) -> None:
    """A response with an answer counts more than an earlier one without any."""
    nothing = {"calm": "", "place": "", "given": ""}
    some = nothing | {"place": "home"}
    answers = raw(("a", 1, "11", nothing), ("a", 1, "12", some))
    sheets = selected_responses.response_sheets(answers, mood)
    assert sheets["usable"].tolist() == [False, True]
    assert sheets["is_selected"].tolist() == [False, True]
    [row] = selected_responses.select_responses(answers, mood).to_dict("records")
    assert (row["place"], row["responded_at"].day) == ("home", 12)


def test_without_a_usable_answer_no_row(mood: list[Instrument]) -> None:
    """A person of whom nothing is usable has not answered, in whatever other wave."""
    nothing = {"calm": "", "place": "", "given": ""}
    answers = raw(("a", 1, "11", nothing), ("a", 2, "12", full(2)))
    result = selected_responses.select_responses(answers, mood)
    assert result["wave"].tolist() == [2]


def test_two_responses_in_one_second(mood: list[Instrument]) -> None:
    """They stay two: one is selected as it is, by its identity, and nothing is merged."""
    first = raw(("a", 1, "11", {"calm": "1", "place": "", "given": "2"}), response="r2")
    other = raw(
        ("a", 1, "11", {"calm": "", "place": "work", "given": "9"}), response="r1"
    )
    for answers in (pd.concat([first, other]), pd.concat([other, first])):
        again = answers.reset_index(drop=True)
        sheets = selected_responses.response_sheets(again, mood)
        assert sheets["response"].tolist() == ["r1", "r2"]
        assert sheets["is_selected"].tolist() == [True, False]
        [row] = selected_responses.select_responses(again, mood).to_dict("records")
        assert pd.isna(row["calm"])
        assert (row["place"], row["mood_given"]) == ("work", 9)


def test_the_seconds_of_a_form_are_those_of_the_response(
    mood: list[Instrument],
) -> None:
    """They are no answer: with the first usable response comes the time that it took."""
    nothing = {"calm": "", "place": "", "given": ""}
    form = find_instrument("form", Path()).value
    answers = pd.concat(
        [
            raw(
                ("a", 1, "11", nothing),
                ("a", 1, "12", full(2)),
                ("b", 1, "13", nothing),
            ),
            raw(
                ("a", 1, "11", {"form_seconds": "3"}),
                ("a", 1, "12", {"form_seconds": "90"}),
                ("b", 1, "13", {"form_seconds": "4"}),
                instrument="form",
            ),
        ],
        ignore_index=True,
    )
    [row] = selected_responses.select_responses(answers, [*mood, form]).to_dict(
        "records"
    )
    assert (row["participant_id"], row["form_seconds"]) == ("a", 90)
    sheets = selected_responses.response_sheets(answers, [*mood, form])
    assert sheets["is_asked"].tolist() == [False, True] * 3
    assert sheets["usable"].tolist() == [False, False, True, True, False, False]


ASKED: list[tuple[list[Response], dict[int, tuple[str, ...]]]] = [
    ([("a", 1, "11", full(1))], {}),
    ([("a", 1, "11", {"calm": "1"})], {1: ("place",)}),
    ([("a", 1, "11", {"calm": "1"}), ("b", 1, "12", {"place": ""})], {}),
    ([("a", 1, "11", full(1)), ("a", 2, "12", {"place": ""})], {2: ("calm",)}),
    ([("a", 1, "11", {"given": "5"})], {}),
    ([("a", 1, "11", {"gone": "5"})], {}),
    ([], {}),
]


@pytest.mark.parametrize(("responses", "expected"), ASKED)
def test_items_not_asked(
    mood: list[Instrument],
    responses: list[Response],
    expected: dict[int, tuple[str, ...]],
) -> None:
    """Items that nobody's response holds, of an instrument of which the wave holds items.

    A blank was asked. A score that comes ready-made has no items that could be missing,
    and what a form itself tells was asked of nobody.
    """
    form = find_instrument("form", Path()).value
    result = selected_responses.items_not_asked(raw(*responses), [*mood, form])
    assert result == expected


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
        *selected_responses.PERSON_WAVE,
        "responded_at",
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
