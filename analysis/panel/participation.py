"""Participation by wave: counts for those who run the study, never for a report."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from panelstream.analysis.panel.selected_responses import response_sheets
from panelstream.models.study.study import Study

PERSON_WAVE = ["participant_id", "wave"]


@dataclass(frozen=True)
class StudyPopulation:
    """A study's people, wave by wave; frames of participant_id and wave.

    `eligible`: enrolled, not withdrawn, in a wave that has opened. `consented`: those of
    them who had agreed to all that is required, on some day of the wave. `invited`: as
    the roster or events say. `answers`: raw answers, with `counts` (given in consent)
    and `timing` of each.
    """

    eligible: pd.DataFrame
    consented: pd.DataFrame
    invited: pd.DataFrame
    answers: pd.DataFrame


@dataclass(frozen=True)
class Participation:
    """A wave in numbers of people; `duplicates` and `not_counted` are responses."""

    wave: int
    eligible: int
    invited: int
    consented: int
    started: int
    complete: int
    partial: int
    early: int
    late: int
    duplicates: int
    not_counted: int
    response_rate: float | None
    """Of the invited those who started; of the eligible, where nobody says who was."""
    attrition: float | None
    """Of those who started the first wave of the round, who did not start this one."""


def count_participation(
    study: Study, population: StudyPopulation
) -> list[Participation]:
    """Every wave of the study, in order."""
    answers = population.answers.merge(
        population.consented, on=PERSON_WAVE, how="left", indicator="in"
    )
    counted = answers[answers["counts"] & (answers["in"] == "both")]
    sheets = response_sheets(counted)
    people = _people(sheets, counted)
    started = {wave.wave: _people_of(people, wave.wave) for wave in study.waves}
    first = {wave.round: wave.wave for wave in reversed(study.waves)}
    return [
        _wave(population, sheets, people, started, wave.wave, first[wave.round])
        for wave in study.waves
    ]


def _people(sheets: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
    """One row a person and wave answered: complete in every instrument, and when."""
    selected = sheets[sheets["is_selected"]]
    instruments = selected.groupby("wave")["instrument"].nunique()
    complete = (
        selected[selected["complete"]].groupby(PERSON_WAVE)["instrument"].nunique()
    )
    people = selected.groupby(PERSON_WAVE)["responded_at"].min().reset_index()
    index = pd.MultiIndex.from_frame(people[PERSON_WAVE])
    numbers = complete.reindex(index, fill_value=0).to_numpy()
    people["complete"] = numbers == people["wave"].map(instruments).to_numpy()
    times = counted[[*PERSON_WAVE, "responded_at", "timing"]].drop_duplicates()
    return people.merge(times, on=[*PERSON_WAVE, "responded_at"], how="left")


def _wave(
    population: StudyPopulation,
    sheets: pd.DataFrame,
    people: pd.DataFrame,
    started: Mapping[int, set[str]],
    wave: int,
    first: int,
) -> Participation:
    respondents = people[people["wave"] == wave]
    eligible = _people_of(population.eligible, wave)
    invited = _people_of(population.invited, wave)
    complete = int(respondents["complete"].sum())
    responses = _responses(population.answers, wave)
    counted = _responses(sheets, wave)
    selected = _responses(sheets[sheets["is_selected"]], wave)
    return Participation(
        wave=wave,
        eligible=len(eligible),
        invited=len(invited),
        consented=len(_people_of(population.consented, wave)),
        started=len(respondents),
        complete=complete,
        partial=len(respondents) - complete,
        early=int((respondents["timing"] == "early").sum()),
        late=int((respondents["timing"] == "late").sum()),
        duplicates=len(counted) - len(selected),
        not_counted=len(responses) - len(counted),
        response_rate=_share(started.get(wave, set()), invited or eligible),
        attrition=_attrition(started, wave, first) if eligible else None,
    )


def _people_of(rows: pd.DataFrame, wave: int) -> set[str]:
    return set(rows.loc[rows["wave"] == wave, "participant_id"])


def _responses(rows: pd.DataFrame, wave: int) -> set[tuple[str, pd.Timestamp]]:
    """Responses of a wave: person and time."""
    of_wave = rows[rows["wave"] == wave]
    return set(zip(of_wave["participant_id"], of_wave["responded_at"], strict=True))


def _attrition(started: Mapping[int, set[str]], wave: int, first: int) -> float | None:
    if wave == first:
        return None
    stayed = _share(started.get(wave, set()), started.get(first, set()))
    return None if stayed is None else 1 - stayed


def _share(people: set[str], total: set[str]) -> float | None:
    return len(people & total) / len(total) if total else None
