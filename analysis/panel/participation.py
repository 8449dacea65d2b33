"""Who took part in which wave: counts for those who run the study, never for a report."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from panelstream.analysis.panel.answers import sheets
from panelstream.models.study.study import Study

PERSON = ["participant_id", "wave"]


@dataclass(frozen=True)
class Known:
    """What is known of a study's people; frames of participant_id and wave.

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


def by_wave(study: Study, known: Known) -> list[Participation]:
    """Every wave of the study, in order."""
    answers = known.answers.merge(
        known.consented, on=PERSON, how="left", indicator="in"
    )
    counted = answers[answers["counts"] & (answers["in"] == "both")]
    given = sheets(counted)
    people = _people(given, counted)
    started = {one.wave: _of(people, one.wave) for one in study.waves}
    first = {one.round: one.wave for one in reversed(study.waves)}
    return [
        _wave(known, given, people, started, one.wave, first[one.round])
        for one in study.waves
    ]


def _people(given: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
    """One row a person and wave answered: complete in every instrument, and when."""
    held = given[given["holds"]]
    asked = held.groupby("wave")["instrument"].nunique()
    whole = held[held["complete"]].groupby(PERSON)["instrument"].nunique()
    people = held.groupby(PERSON)["responded_at"].min().reset_index()
    found = whole.reindex(pd.MultiIndex.from_frame(people[PERSON]), fill_value=0)
    people["complete"] = found.to_numpy() == people["wave"].map(asked).to_numpy()
    when = counted[[*PERSON, "responded_at", "timing"]].drop_duplicates()
    return people.merge(when, on=[*PERSON, "responded_at"], how="left")


def _wave(
    known: Known,
    given: pd.DataFrame,
    people: pd.DataFrame,
    started: Mapping[int, set[str]],
    wave: int,
    first: int,
) -> Participation:
    here = people[people["wave"] == wave]
    answered = started.get(wave, set())
    eligible, invited = _of(known.eligible, wave), _of(known.invited, wave)
    complete = int(here["complete"].sum())
    sent, counted = _responses(known.answers, wave), _responses(given, wave)
    held = _responses(given[given["holds"]], wave)
    return Participation(
        wave=wave,
        eligible=len(eligible),
        invited=len(invited),
        consented=len(_of(known.consented, wave)),
        started=len(here),
        complete=complete,
        partial=len(here) - complete,
        early=int((here["timing"] == "early").sum()),
        late=int((here["timing"] == "late").sum()),
        duplicates=len(counted) - len(held),
        not_counted=len(sent) - len(counted),
        response_rate=_share(answered, invited or eligible),
        attrition=_attrition(started, wave, first) if eligible else None,
    )


def _of(rows: pd.DataFrame, wave: int) -> set[str]:
    return set(rows.loc[rows["wave"] == wave, "participant_id"])


def _responses(rows: pd.DataFrame, wave: int) -> set[tuple[str, pd.Timestamp]]:
    """Responses of a wave: who, and when."""
    here = rows[rows["wave"] == wave]
    return set(zip(here["participant_id"], here["responded_at"], strict=True))


def _attrition(started: Mapping[int, set[str]], wave: int, first: int) -> float | None:
    if wave == first:
        return None
    stayed = _share(started.get(wave, set()), started.get(first, set()))
    return None if stayed is None else 1 - stayed


def _share(some: set[str], of: set[str]) -> float | None:
    return len(some & of) / len(of) if of else None
