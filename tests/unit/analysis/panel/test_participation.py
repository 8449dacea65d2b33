"""Counts of a wave from frames: identity of responses, and what a wave requires."""

from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.panel import participation, selected_responses
from panelstream.analysis.panel.participation import Participation, StudyPopulation
from panelstream.models.instruments.instrument import Instrument, find_instrument
from panelstream.models.study.study import Study
from tests.lib import studies

PEOPLE = ("a", "b", "c", "d")
EXTRA = (
    studies.MOOD.replace("mood", "extra")
    .replace("calm", "hot")
    .replace("awake", "cold")
)
WHOLE = {"calm": "1", "awake": "2"}
Response = tuple[str, str, dict[str, str]]


@pytest.fixture
def instruments(tmp_path: Path) -> list[Instrument]:
    """One with an outcome of the study, an extra one, and what a form itself tells."""
    (tmp_path / "mood.yaml").write_text(studies.MOOD, encoding="utf-8")
    (tmp_path / "extra.yaml").write_text(EXTRA, encoding="utf-8")
    names = ("mood.yaml", "extra.yaml", "form")
    return [find_instrument(name, tmp_path).value for name in names]


def raw(*responses: Response, instrument: str = "mood") -> pd.DataFrame:
    """Answers of one second of wave 1: who, response, and coded text by item."""
    rows = [
        (who, 1, response, instrument, item, answer)
        for who, response, answers in responses
        for item, answer in answers.items()
    ]
    frame = pd.DataFrame(
        rows, columns=[*selected_responses.SHEET_KEYS, "item", "answer"]
    )
    return frame.assign(
        responded_at=pd.Timestamp("2027-01-12", tz="UTC"),
        finished=None,
        counts=True,
        timing="in_time",
    )


def counts(instruments: list[Instrument], *answers: pd.DataFrame) -> Participation:
    """The counts of wave 1, of four people who are all eligible and agree."""
    people = pd.DataFrame({"participant_id": PEOPLE, "wave": 1})
    population = StudyPopulation(
        people, people, people.iloc[:0], pd.concat(answers, ignore_index=True)
    )
    study = Study.model_validate(studies.with_base())
    [wave] = participation.count_participation(study, instruments, population)
    return wave


def test_two_responses_in_one_second(instruments: list[Instrument]) -> None:
    """They are two, of which one counts and the other is a duplicate."""
    both = raw(("a", "r1", WHOLE | {"awake": ""}), ("a", "r2", WHOLE | {"calm": ""}))
    wave = counts(instruments, both)
    assert (wave.started, wave.complete, wave.partial, wave.duplicates) == (1, 0, 1, 1)
    outside = both.assign(counts=[True, True, False, False])
    wave = counts(instruments, outside)
    assert (wave.started, wave.duplicates, wave.not_counted) == (1, 0, 1)


def test_an_extra_form_that_not_everybody_gets(instruments: list[Instrument]) -> None:
    """It leaves those who do not get it complete, whether it is absent or all blank.

    `a` gets no such form, of `b` it is blank, `c` answers it, `d` only half of it.
    """
    mood = raw(*((who, who, WHOLE) for who in PEOPLE))
    extra = raw(
        ("b", "b", {"hot": "", "cold": ""}),
        ("c", "c", {"hot": "3", "cold": "4"}),
        ("d", "d", {"hot": "3", "cold": ""}),
        instrument="extra",
    )
    wave = counts(instruments, mood, extra)
    assert (wave.started, wave.complete, wave.partial) == (4, 3, 1)


def test_a_wave_without_an_outcome_requires_all(instruments: list[Instrument]) -> None:
    """Where no instrument of the wave has an outcome, all that it asks are required."""
    extra = raw(("a", "a", {"hot": "3", "cold": "4"}), instrument="extra")
    form = raw(("b", "b", {"form_seconds": "9"}), instrument="form")
    wave = counts(instruments, extra, form)
    assert (wave.started, wave.complete, wave.unusable) == (1, 1, 1)


def test_a_required_form_that_nobody_answered(instruments: list[Instrument]) -> None:
    """A column of blanks leaves nobody complete, and those with nothing else unusable."""
    mood = raw(*((who, who, {"calm": "", "awake": ""}) for who in PEOPLE))
    extra = raw(("a", "a", {"hot": "3", "cold": "4"}), instrument="extra")
    wave = counts(instruments, mood, extra)
    assert (wave.started, wave.complete, wave.partial, wave.unusable) == (1, 0, 1, 3)
    assert wave.response_rate == 0.25
