"""The coordinator's files of a simulated study: the roster and the survey exports."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panelstream.models.arrays import Integers
from panelstream.models.simulation import scores
from panelstream.models.simulation.events import DAY_MS, time_of_day
from panelstream.models.simulation.timeline import Timeline
from panelstream.models.simulation.use import Use
from panelstream.models.simulation.world import DAYS_A_YEAR, FUNCTIONS, SCORES, shipped
from panelstream.models.study.template import WAVE_OPEN_DAYS

AnswersByItem = dict[str, NDArray[Any]]
"""By item code, one answer a response, in the same order."""

_ROSTER = (
    "platform_id",
    "enrolled_on",
    "consent_version",
    "consent_scopes",
    "consented_at",
    "group",
)
SCOPES = "survey;telemetry;retrospective"
_ENROLMENT_DAYS = 14
_SKIPPED = 0.01
_MISJUDGED = (0.1, 0.65, 0.25)
"""Shares of people who say one answer less than is true, the right one, one more."""
_GENDERS = {"female": 0.625, "male": 0.337, "other": 0.02, "undisclosed": 0.018}
_MEDICATION = {"yes": 0.88, "no": 0.09, "undisclosed": 0.03}


def write_roster(
    path: Path, subjects: Sequence[str], timeline: Timeline, rng: np.random.Generator
) -> None:
    """Everybody enrols and consents in the fortnight before the first wave."""
    days = rng.integers(1, _ENROLMENT_DAYS + 1, len(subjects))
    at = _local_times(timeline.opening(0) - days, timeline, rng)
    rows = [
        [s, t[:10], 1, SCOPES, t, "main"] for s, t in zip(subjects, at, strict=True)
    ]
    _write(path, _ROSTER, rows)


def write_wave(
    path: Path,
    subjects: Sequence[str],
    answers: AnswersByItem,
    opening: int,
    timeline: Timeline,
    rng: np.random.Generator,
) -> None:
    """One row a response, in the order in which they came in.

    `subjects` are those who answered, in the order of `answers`; `opening` is the
    day on which the wave opens. A few items are skipped and left blank.
    """
    days = np.minimum(rng.exponential(5, len(subjects)), WAVE_OPEN_DAYS - 1)
    at = _local_times(opening + days.astype(np.int64), timeline, rng)
    cells = [
        np.where(rng.random(len(at)) < _SKIPPED, "", column.astype(str)).tolist()
        for column in answers.values()
    ]
    rows = sorted(zip(at, subjects, *cells, strict=True))
    header = ("platform_id", "submitted_at", *answers)
    _write(
        path,
        header,
        ((subject, when, *answers_given) for when, subject, *answers_given in rows),
    )


def draw_answers(
    points: Mapping[str, Integers],
    use: Use,
    wave_index: int,
    respondents: Integers,
    rng: np.random.Generator,
) -> AnswersByItem:
    """The answers of `respondents` in a wave; demographics are asked in the first."""
    codes_by_item: AnswersByItem = {}
    for score in SCORES:
        codes = scores.draw_items(
            score, points[score.column][respondents, wave_index], rng
        )
        codes_by_item |= {item.code: codes[:, i] for i, item in enumerate(score.items)}
    codes_by_item["ghsq_no_one"] = 1 + rng.binomial(6, 0.35, len(respondents))
    ordered = {
        code: codes_by_item[code]
        for n in ("phq9", "pdd", "ghsq")
        for code in shipped(n).codes
    }
    ordered |= _self_reports(use, wave_index, respondents, rng)
    return ordered if wave_index else ordered | _demographics(len(respondents), rng)


def _self_reports(
    use: Use, wave_index: int, respondents: Integers, rng: np.random.Generator
) -> AnswersByItem:
    """How often people say they use each function: as often as they do, roughly."""
    bounds = [high for _, high in DAYS_A_YEAR[1:-1]]
    reports: AnswersByItem = {}
    for name in FUNCTIONS:
        rate = use.rates[name][respondents, wave_index]
        answer = np.where(rate > 0, 1 + np.digitize(rate, bounds), 0)
        shift = rng.choice((-1, 0, 1), len(respondents), p=_MISJUDGED)
        reports[f"use_{name}"] = np.clip(answer + shift, 0, len(bounds) + 1)
    return reports


def _demographics(people: int, rng: np.random.Generator) -> AnswersByItem:
    age = np.clip(rng.normal(38, 11, people), 18, 75).astype(np.int64)
    return {
        "age": age,
        "gender": rng.choice(list(_GENDERS), people, p=list(_GENDERS.values())),
        "medication": rng.choice(
            list(_MEDICATION), people, p=list(_MEDICATION.values())
        ),
    }


def _local_times(
    days: Integers, timeline: Timeline, rng: np.random.Generator
) -> list[str]:
    """Some time on each of `days`, as people there write it."""
    elapsed = days * DAY_MS + time_of_day(len(days), rng)
    at = np.datetime64(timeline.begins_on, "ms") + elapsed.astype("m8[ms]")
    texts: list[str] = np.datetime_as_string(at, unit="s").tolist()
    return [f"{text}+09:00" for text in texts]


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
