"""The platform's log of a simulated study, as newline-delimited CloudEvents."""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from panelstream.models.arrays import Integers, Mask
from panelstream.models.simulation.timeline import Timeline
from panelstream.models.simulation.use import Use
from panelstream.models.simulation.world import (
    FUNCTIONS,
    HABITS,
    HEARTBEAT,
    READING,
    SIGNED_UP,
    WITHDRAWALS,
    Act,
)

_Progress = Callable[[int, int], None]

SOURCE = "u2plus.web"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
UTC_OFFSET = 9 * HOUR_MS
"""Of Asia/Tokyo, which has no daylight-saving time."""

_ACTS = (
    SIGNED_UP,
    READING,
    *(act for h in HABITS.values() for act in h.acts),
    *WITHDRAWALS,
)
_EVENING_SHARE = 0.65
_WITHDRAWN = 0.03
_READING_SHARE = 0.02
_TWICE = 0.005
_LATE = 0.01
_AT_ONCE = 50_000


@dataclass(frozen=True)
class Log:
    """One row an event: when (UTC, ms since 1970), who (-1: nobody), which act."""

    at: Integers
    person: Integers
    act: Integers


def write_log(
    path: Path,
    subjects: Sequence[str],
    use: Use,
    timeline: Timeline,
    rng: np.random.Generator,
    progress: _Progress,
) -> None:
    """Write the log as it would arrive: nearly in order, a few lines twice."""
    log = draw_log(use, timeline, rng)
    acts = [*_ACTS, *_heartbeats(timeline)]
    ids, arrivals = _ids(log.at, rng), _arrivals(log.at, rng)
    with path.open("wb") as file, gzip.GzipFile("", "wb", 3, file, mtime=0) as packed:
        for start in range(0, len(arrivals), _AT_ONCE):
            rows = arrivals[start : start + _AT_ONCE]
            packed.write(_text(log, rows, acts, ids, subjects).encode())
            progress(start + len(rows), len(arrivals))


def draw_log(use: Use, timeline: Timeline, rng: np.random.Generator) -> Log:
    """Everything that is logged, in no order; heartbeats come last."""
    start = start_of(timeline)
    used = [_uses(name, use.active[name], start, rng) for name in FUNCTIONS]
    counted = _together(used)
    people = len(use.active[FUNCTIONS[0]])
    further = [_registrations(people, start, rng), _withdrawals(counted, rng)]
    return _together(
        [counted, *further, _readings(counted, rng), _beats(start, timeline.days)]
    )


def start_of(timeline: Timeline) -> int:
    """The study's first midnight, UTC, in ms since 1970."""
    return int(np.datetime64(timeline.begins_on, "ms").astype(np.int64)) - UTC_OFFSET


def time_of_day(size: int, rng: np.random.Generator) -> Integers:
    """Local time in ms since midnight: mostly in the evening."""
    evening = rng.normal(21 * HOUR_MS, 2.2 * HOUR_MS, size)
    whenever = rng.uniform(6.5 * HOUR_MS, DAY_MS, size)
    chosen = np.where(rng.random(size) < _EVENING_SHARE, evening, whenever)
    return chosen.astype(np.int64) % DAY_MS


def _together(logs: Sequence[Log]) -> Log:
    return Log(
        np.concatenate([log.at for log in logs]),
        np.concatenate([log.person for log in logs]),
        np.concatenate([log.act for log in logs]),
    )


def _uses(name: str, active: Mask, start: int, rng: np.random.Generator) -> Log:
    """At least one event on every active day, within that local day."""
    person, day = np.nonzero(active)
    times = 1 + rng.poisson(HABITS[name].mean_further_acts, len(day))
    person, day = np.repeat(person, times), np.repeat(day, times)
    acts = HABITS[name].acts
    weights = np.array([act.weight for act in acts])
    chosen = rng.choice(len(acts), len(day), p=weights / weights.sum())
    at = start + day * DAY_MS + time_of_day(len(day), rng)
    return Log(at, person, _ACTS.index(acts[0]) + chosen)


def _registrations(people: int, start: int, rng: np.random.Generator) -> Log:
    """Everybody signed up one month to three years before the study."""
    days = rng.integers(30, 1000, people)
    at = start - days * DAY_MS + time_of_day(people, rng)
    return Log(at, np.arange(people), np.full(people, _ACTS.index(SIGNED_UP)))


def _withdrawals(log: Log, rng: np.random.Generator) -> Log:
    """Some reactions are taken back within minutes; that is no use of a function."""
    reactions, withdrawals = HABITS["reaction"].acts, len(_ACTS) - len(WITHDRAWALS)
    first = _ACTS.index(reactions[0])
    is_reaction = (log.act >= first) & (log.act < first + len(reactions))
    rows = np.flatnonzero(is_reaction & (rng.random(len(is_reaction)) < _WITHDRAWN))
    at = log.at[rows] + _delays(len(rows), HOUR_MS // 10, rng)
    return Log(at, log.person[rows], log.act[rows] - first + withdrawals)


def _readings(log: Log, rng: np.random.Generator) -> Log:
    """Some people read something while they are there."""
    rows = np.flatnonzero(rng.random(len(log.at)) < _READING_SHARE)
    at = log.at[rows] + _delays(len(rows), HOUR_MS // 10, rng)
    return Log(at, log.person[rows], np.full(len(rows), _ACTS.index(READING)))


def _beats(start: int, days: int) -> Log:
    """A heartbeat at the end of every day."""
    return Log(
        start + DAY_MS * np.arange(1, days + 1),
        np.full(days, -1),
        len(_ACTS) + np.arange(days),
    )


def _heartbeats(timeline: Timeline) -> list[Act]:
    midnights = start_of(timeline) + DAY_MS * np.arange(timeline.days + 1)
    names, at = ",".join(f'"{name}"' for name in FUNCTIONS), _instants(midnights)
    return [
        Act(HEARTBEAT, f'{{"functions":[{names}],"from":"{start}","to":"{end}"}}')
        for start, end in pairwise(at)
    ]


def _delays(size: int, mean: int, rng: np.random.Generator) -> Integers:
    return rng.exponential(mean, size).astype(np.int64)


def _arrivals(at: Integers, rng: np.random.Generator) -> Integers:
    """Rows in the order of arrival: some late, some a second time."""
    arrived = at + _delays(len(at), 2_000, rng)
    late = np.flatnonzero(rng.random(len(at)) < _LATE)
    arrived[late] += _delays(len(late), HOUR_MS, rng)
    twice = rng.choice(len(at), round(len(at) * _TWICE), replace=False)
    repeated_at = arrived[twice] + _delays(len(twice), 30_000, rng)
    rows = np.concatenate([np.arange(len(at)), twice])
    return rows[np.argsort(np.concatenate([arrived, repeated_at]), kind="stable")]


def _ids(at: Integers, rng: np.random.Generator) -> str:
    """32 hexadecimal digits an event, one after the other: the time, then luck."""
    time = at.astype(">i8").view(np.uint8).reshape(-1, 8)[:, 2:]
    luck = rng.integers(0, 256, (len(at), 10), dtype=np.uint8)
    return np.hstack([time, luck]).tobytes().hex()


def _instants(at: Integers) -> list[str]:
    texts: list[str] = np.datetime_as_string(at.astype("M8[ms]")).tolist()
    return [f"{text}Z" for text in texts]


def _text(
    log: Log, rows: Integers, acts: Sequence[Act], ids: str, subjects: Sequence[str]
) -> str:
    """The lines of some rows, in their order."""
    heads = [
        f'{{"specversion":"1.0","source":"{SOURCE}","type":"{a.type}",' for a in acts
    ]
    tails = [f'"data":{act.data}}}\n' for act in acts]
    subject_texts = [*(f'"subject":"{subject}",' for subject in subjects), ""]
    columns = (
        rows.tolist(),
        _instants(log.at[rows]),
        log.person[rows].tolist(),
        log.act[rows].tolist(),
    )
    return "".join(
        f'{heads[act]}"id":"{ids[row * 32 : row * 32 + 32]}","time":"{at}",'
        f"{subject_texts[person]}{tails[act]}"
        for row, at, person, act in zip(*columns, strict=True)
    )
