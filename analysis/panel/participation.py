"""Participation by wave: counts for those who run the study, never for a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from panelstream.analysis.panel.selected_responses import (
    PERSON_WAVE,
    RESPONSE_KEYS,
    response_sheets,
)
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.study.study import Study


@dataclass(frozen=True)
class StudyPopulation:
    """A study's people, wave by wave; frames of participant_id and wave.

    `eligible`: enrolled, not withdrawn, in a wave that has opened. `consented`: those of
    them who had agreed to all that is required, on some day of the wave. `invited`: as
    the roster or events say. `answers`: raw answers as for `select_responses`, with
    `counts` (given in consent) and `timing` of each.
    """

    eligible: pd.DataFrame
    consented: pd.DataFrame
    invited: pd.DataFrame
    answers: pd.DataFrame


@dataclass(frozen=True)
class Participation:
    """A wave in numbers of people; `duplicates` and `not_counted` are responses.

    `started` is `complete` (every required instrument, and nothing begun and left
    unfinished) plus `partial`. `unusable`: people whose responses count, but hold no
    usable answer; they have not started.
    """

    wave: int
    eligible: int
    invited: int
    consented: int
    started: int
    complete: int
    partial: int
    unusable: int
    early: int
    late: int
    duplicates: int
    not_counted: int
    response_rate: float | None
    """Of the invited those who started; of the eligible, where nobody says who was."""
    attrition: float | None
    """Of those who started the first wave of the round, who did not start this one."""


def count_participation(
    study: Study, instruments: Sequence[Instrument], population: StudyPopulation
) -> list[Participation]:
    """Every wave of the study, in order."""
    answers = population.answers.merge(
        population.consented, on=PERSON_WAVE, how="left", indicator="in"
    )
    counted = answers[answers["counts"] & (answers["in"] == "both")]
    sheets = response_sheets(counted, instruments)
    sheets["is_required"] = is_required(study, instruments, sheets)
    people = _people(sheets, counted)
    usable = people[people["usable"]]
    started = {wave.wave: _people_of(usable, wave.wave) for wave in study.waves}
    first = {wave.round: wave.wave for wave in reversed(study.waves)}
    return [
        _wave(population, sheets, people, started, wave.wave, first[wave.round])
        for wave in study.waves
    ]


def is_required(
    study: Study, instruments: Sequence[Instrument], sheets: pd.DataFrame
) -> pd.Series:
    """Whether each sheet (`response_sheets`) is of an instrument that the wave requires.

    Required are those with an outcome of the study; in a wave that asks none of them
    all, but for what the form itself tells.
    """
    outcomes = set(study.outcomes)
    primary = [i.instrument for i in instruments if outcomes & set(i.score_columns)]
    has_outcome = sheets["instrument"].isin(primary)
    with_outcome = has_outcome.groupby(sheets["wave"]).transform("any")
    return has_outcome | (~with_outcome & sheets["is_asked"])


def has_all_required(sheets: pd.DataFrame, flag: str) -> pd.Series:
    """Whether a person has, of each instrument that a wave requires, a sheet with a flag.

    `sheets`: with `is_required` and the column `flag`. By participant_id and wave.
    """
    required = sheets[sheets["is_required"]]
    numbers = required.groupby("wave")["instrument"].nunique()
    valid = required[required[flag]].groupby(PERSON_WAVE)["instrument"].nunique()
    waves = valid.index.get_level_values("wave")
    return valid == numbers.reindex(waves).to_numpy()


def _people(sheets: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
    """One row a person and wave with a response: whether usable, complete, and when."""
    selected = sheets[sheets["is_selected"]]
    selected = selected.assign(
        partial=selected["usable"] & ~selected["complete"],
        responded_at=selected["responded_at"].where(selected["usable"]),
    )
    people = selected.groupby(PERSON_WAVE).agg(
        {"usable": "any", "partial": "any", "responded_at": "min"}
    )
    has_all = has_all_required(selected, "complete").reindex(
        people.index, fill_value=False
    )
    people["complete"] = has_all & ~people["partial"]
    times = counted[[*PERSON_WAVE, "responded_at", "timing"]].drop_duplicates()
    return people.reset_index().merge(
        times, on=[*PERSON_WAVE, "responded_at"], how="left"
    )


def _wave(
    population: StudyPopulation,
    sheets: pd.DataFrame,
    people: pd.DataFrame,
    started: Mapping[int, set[str]],
    wave: int,
    first: int,
) -> Participation:
    of_wave = people[people["wave"] == wave]
    respondents = of_wave[of_wave["usable"]]
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
        unusable=len(of_wave) - len(respondents),
        early=int((respondents["timing"] == "early").sum()),
        late=int((respondents["timing"] == "late").sum()),
        duplicates=counted - selected,
        not_counted=responses - counted,
        response_rate=_share(started.get(wave, set()), invited or eligible),
        attrition=_attrition(started, wave, first) if eligible else None,
    )


def _people_of(rows: pd.DataFrame, wave: int) -> set[str]:
    return set(rows.loc[rows["wave"] == wave, "participant_id"])


def _responses(rows: pd.DataFrame, wave: int) -> int:
    """How many responses of a wave there are, by their identity."""
    return len(rows.loc[rows["wave"] == wave, RESPONSE_KEYS].drop_duplicates())


def _attrition(started: Mapping[int, set[str]], wave: int, first: int) -> float | None:
    if wave == first:
        return None
    stayed = _share(started.get(wave, set()), started.get(first, set()))
    return None if stayed is None else 1 - stayed


def _share(people: set[str], total: set[str]) -> float | None:
    return len(people & total) / len(total) if total else None
