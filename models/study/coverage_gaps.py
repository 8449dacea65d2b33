"""Gaps of coverage: when a function is not covered, why, and which windows that concerns."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import numpy as np

from panelstream.models.arrays import Mask
from panelstream.models.study.coverage import (
    LogTime,
    PersonWindows,
    UnknownTime,
    cover,
    stated_times,
)
from panelstream.models.study.intervals import Intervals
from panelstream.models.study.study import Outage, Study

GapCause = Literal[
    "no heartbeat",
    "outage",
    "prorated outage",
    "dead letters",
    "conflicts",
    "catalogue",
    "log gap",
    "silent device",
    "not measured",
    "not over",
    "refused acts",
]


@dataclass(frozen=True)
class CoverageGap:
    """A time [start, end) in which a function is not covered.

    `people`: how many it concerns; None: everybody. `windows`: windows of use that it
    makes null; none where the study file has it prorated. `person_days`: of a cause that
    has other times for every person, their sum within the windows; None: it lasts as
    long for all.
    """

    function: str
    cause: GapCause
    start: datetime
    end: datetime
    people: int | None
    windows: int
    person_days: float | None = None

    @property
    def days(self) -> float:
        """Its length in days of 24 hours."""
        return (self.end - self.start).total_seconds() / 86_400


@dataclass(frozen=True)
class LogStatements:
    """What is said of the log: heartbeats, and the times that are unknown.

    `now`: when that is said; nothing is known of later times. `study_letters`: open dead
    letters of the study's own events, by type. `groups`: those that anybody is in, where
    a function is measured for some groups only.
    """

    heartbeats: Sequence[LogTime]
    unknown: Sequence[UnknownTime]
    now: datetime
    study_letters: Mapping[str, int] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()

    def functions_heard(self) -> frozenset[str]:
        """The functions of which a heartbeat of everybody speaks."""
        return frozenset(t.function for t in self.heartbeats if not t.participant)


class _Gap(NamedTuple):
    function: str
    cause: GapCause
    start: np.datetime64
    end: np.datetime64
    people: frozenset[str] | None
    windows: Mask
    person_days: float | None = None


def list_gaps(
    study: Study, statements: LogStatements, windows: PersonWindows
) -> list[CoverageGap]:
    """The gaps of each function within the time of the windows, in order."""
    return [
        CoverageGap(
            gap.function,
            gap.cause,
            _aware(gap.start),
            _aware(gap.end),
            None if gap.people is None else len(gap.people),
            int(gap.windows.sum()),
            gap.person_days,
        )
        for gap in _gaps(study, statements, windows)
    ]


def null_windows(
    study: Study, statements: LogStatements, windows: PersonWindows
) -> Mapping[GapCause, int]:
    """How many windows each cause makes null for at least one function."""
    masks: dict[GapCause, Mask] = {}
    for gap in _gaps(study, statements, windows):
        masks[gap.cause] = masks.get(gap.cause, False) | gap.windows
    return {cause: int(mask.sum()) for cause, mask in masks.items() if mask.any()}


def time_span(windows: PersonWindows) -> Intervals:
    """From the first to the last instant of any window; nothing where there is none."""
    has_length = windows.starts < windows.ends
    if not has_length.any():
        return Intervals.merge([])
    starts, ends = windows.starts[has_length], windows.ends[has_length]
    return Intervals.union(np.array([starts.min()]), np.array([ends.max()]))


def _gaps(
    study: Study, statements: LogStatements, windows: PersonWindows
) -> Iterator[_Gap]:
    whole, past = time_span(windows), Intervals.past(statements.now)
    span, future = whole.common(past), whole.minus(past)
    for function in study.exposure.functions:
        outages = [o for o in study.outages if function in o.functions]
        unknown = [
            gap for gap in statements.unknown if gap.time.function in ("", function)
        ]
        excused = _outage_times(outages, "prorate")
        times: dict[GapCause, Intervals] = {
            "no heartbeat": _unheard(study, statements, function).minus(excused),
            "outage": _outage_times(outages, "missing").minus(excused),
            "prorated outage": excused,
            **_unknown_of_everybody(unknown, excused),
        }
        for cause, intervals in times.items():
            inside = intervals.common(span)
            for start, end in zip(inside.starts, inside.ends, strict=True):
                concerned = _overlap(windows, start, end) & (cause != "prorated outage")
                yield _Gap(function, cause, start, end, None, concerned)
        for start, end in zip(future.starts, future.ends, strict=True):
            concerned = _overlap(windows, start, end)
            yield _Gap(function, "not over", start, end, None, concerned)
        yield from _gaps_of_people(function, unknown, windows, span)
        yield from _silent_devices(study, function, statements, windows)


def _gaps_of_people(
    function: str,
    unknown: Iterable[UnknownTime],
    windows: PersonWindows,
    span: Intervals,
) -> Iterator[_Gap]:
    people = defaultdict[tuple[GapCause, datetime, datetime], set[str]](set)
    for gap in unknown:
        if gap.time.participant:
            people[gap.cause, gap.time.start, gap.time.end].add(gap.time.participant)
    for (cause, *bounds), concerned in sorted(people.items()):
        inside = Intervals.merge([(bounds[0], bounds[1])]).common(span)
        for start, end in zip(inside.starts, inside.ends, strict=True):
            theirs = _overlap(windows, start, end) & _of(windows, concerned)
            yield _Gap(function, cause, start, end, frozenset(concerned), theirs)


def _silent_devices(
    study: Study,
    function: str,
    statements: LogStatements,
    windows: PersonWindows,
) -> Iterator[_Gap]:
    """One gap of all the people whose devices were silent at some time in a window."""
    always = study.model_copy(update={"coverage": "assumed", "outages": ()})
    devices = [time for time in statements.heartbeats if time.participant]
    log = cover(always, devices, now=statements.now)[function]
    past = log.observed.days_within(windows.starts, windows.ends)
    silent = log.observed_days(windows) < past
    people = frozenset(windows.participants[silent])
    if people:
        silences = [
            Intervals.union(windows.starts[rows], windows.ends[rows])
            .common(log.observed)
            .minus(log.of(person))
            for person in people
            for rows in [windows.rows[person]]
        ]
        yield _Gap(
            function,
            "silent device",
            min(silence.starts[0] for silence in silences),
            max(silence.ends[-1] for silence in silences),
            people,
            silent,
            sum(silence.days for silence in silences),
        )


def _unheard(study: Study, statements: LogStatements, function: str) -> Intervals:
    if study.coverage == "assumed":
        return Intervals.merge([])
    of_everybody = [
        time
        for time in statements.heartbeats
        if time.function == function and not time.participant
    ]
    return stated_times(of_everybody).complement()


def _outage_times(outages: Iterable[Outage], handling: str) -> Intervals:
    return Intervals.merge((o.start, o.end) for o in outages if o.handling == handling)


def _unknown_of_everybody(
    unknown: Sequence[UnknownTime], excused: Intervals
) -> dict[GapCause, Intervals]:
    causes = {gap.cause: None for gap in unknown if not gap.time.participant}
    return {
        cause: Intervals.merge(
            (gap.time.start, gap.time.end)
            for gap in unknown
            if gap.cause == cause and not gap.time.participant
        ).minus(excused)
        for cause in causes
    }


def _overlap(windows: PersonWindows, start: np.datetime64, end: np.datetime64) -> Mask:
    mask: Mask = (
        (windows.starts < end)
        & (windows.ends > start)
        & (windows.starts < windows.ends)
    )
    return mask


def _of(windows: PersonWindows, people: Iterable[str]) -> Mask:
    mask = np.zeros(len(windows.participants), bool)
    for person in people:
        mask[windows.rows.get(person, [])] = True
    return mask


def _aware(instant: np.datetime64) -> datetime:
    naive: datetime = instant.astype("datetime64[us]").item()
    return naive.replace(tzinfo=UTC)
