"""For which times the event log is known to be complete, by function and person.

What makes a zero a known zero: heartbeats of the platform (or the study file's
word that the log covers everything), less the outages that the study file lists, the
times of events that were rejected or lost, and, for a person whose own device sends
heartbeats, the times in which it was silent. Nothing is known of the future.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, reduce
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from panelstream.models.arrays import Vector
from panelstream.models.study.intervals import Instants, Intervals, utc_instants
from panelstream.models.study.study import Study
from panelstream.models.study.windows import days_to_instants
from panelstream.models.timestamps import LATEST

_RESOLUTIONS = (1_000, 1_000_000)
"""Microseconds: instants are written in milliseconds or whole seconds, else in single ones."""

_NO_ROWS = np.empty(0, np.intp)


class LogTime(NamedTuple):
    """A time [start, end) of which something is said: that the log is complete, or not.

    `function`: empty: every one. `participant`: empty: everybody.
    """

    function: str
    start: datetime
    end: datetime
    participant: str = ""


@dataclass(frozen=True)
class UnknownTime:
    """A time that `number` causes of one kind make unknown."""

    time: LogTime
    cause: Literal[
        "dead letters",
        "conflicts",
        "catalogue",
        "log gap",
        "not measured",
        "refused acts",
    ]
    number: int


@dataclass(frozen=True)
class PersonWindows:
    """Windows [start, end) of participants, as arrays (n,); NaT where there is none."""

    participants: npt.NDArray[np.object_]
    starts: Instants
    ends: Instants

    @classmethod
    def planned(cls, rows: pd.DataFrame, study: Study, first: str) -> "PersonWindows":
        """From the days `first` until `observable_until` of rows of `windows.plan`."""
        return cls(
            rows["participant_id"].to_numpy(object),
            days_to_instants(rows[first], study.zone),
            days_to_instants(rows["observable_until"], study.zone),
        )

    @property
    def lengths(self) -> Vector:
        """Days of 24 hours."""
        days: Vector = (self.ends - self.starts) / np.timedelta64(1, "D")
        return days

    @cached_property
    def rows(self) -> Mapping[str, npt.NDArray[np.intp]]:
        """The positions of each participant's windows."""
        codes, people = pd.factorize(self.participants)
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(people) + 1))
        spans = zip(people, bounds[:-1], bounds[1:], strict=True)
        return {person: order[first:end] for person, first, end in spans}


@dataclass(frozen=True)
class Coverage:
    """`observed`: recorded time. `excused`: unrecorded time that may be prorated.

    `observed_of`: the recorded time of participants of whom less is known.
    """

    observed: Intervals
    excused: Intervals
    observed_of: Mapping[str, Intervals] = field(default_factory=dict)

    def of(self, participant: str) -> Intervals:
        """The recorded time of a participant."""
        return self.observed_of.get(participant, self.observed)

    def observed_days(self, windows: PersonWindows) -> Vector:
        """Recorded days of each window (n,); NaN where there is none."""
        days = self.observed.days_within(windows.starts, windows.ends)
        for participant, observed in self.observed_of.items():
            rows = windows.rows.get(participant, _NO_ROWS)
            bounds = windows.starts[rows], windows.ends[rows]
            days[rows] = observed.days_within(*bounds)
        return days

    def excused_days(self, windows: PersonWindows) -> Vector:
        """Days of each window (n,) that may be prorated; NaN where there is none."""
        return self.excused.days_within(windows.starts, windows.ends)


def cover(
    study: Study,
    heartbeats: Iterable[LogTime],
    unknown: Iterable[LogTime] = (),
    now: datetime = LATEST,
) -> Mapping[str, Coverage]:
    """The coverage of each function of the study.

    `heartbeats`: those of an unknown function are passed over; one of a participant is
    of that person's own device. `unknown`: times of events that were rejected or lost.
    From `now` on nothing is covered.
    """
    beats, gaps = _by_function(heartbeats), _by_function(unknown)
    past = Intervals.past(now)
    return {
        name: _cover_function(study, name, beats[name], [*gaps[name], *gaps[""]], past)
        for name in study.exposure.functions
    }


def observed_by_any(coverages: Iterable[Coverage]) -> Coverage:
    """What is recorded of at least one function; nothing is excused."""
    logs = list(coverages)
    people = {name: None for log in logs for name in log.observed_of}
    return Coverage(
        _union(log.observed for log in logs),
        Intervals.merge([]),
        {person: _union(log.of(person) for log in logs) for person in people},
    )


def stated_times(heartbeats: Sequence[LogTime]) -> Intervals:
    """The times that heartbeats state; the next one may begin up to one unit later.

    The unit is that in which both ends of a heartbeat are written: one that ends at
    23:59:59 is followed by 00:00:00 without a gap.
    """
    bounds = _bounds(heartbeats)
    starts, ends = (instants.astype(np.int64) for instants in bounds)
    unit = np.ones(len(starts), np.int64)
    for resolution in _RESOLUTIONS:
        unit[(starts % resolution == 0) & (ends % resolution == 0)] = resolution
    begins = np.append(np.sort(starts), np.iinfo(np.int64).max)
    following = begins[np.searchsorted(begins, ends)]
    ends = np.where(following <= ends + unit, following, ends)
    return Intervals.union(bounds[0], ends.astype(bounds[1].dtype))


def _cover_function(
    study: Study,
    name: str,
    heartbeats: Iterable[LogTime],
    unknown: Iterable[LogTime],
    past: Intervals,
) -> Coverage:
    beats, gaps = _by_participant(heartbeats), _by_participant(unknown)
    of_everybody = beats.pop("", [])
    recorded = past
    if study.coverage == "heartbeats":
        recorded = past.common(stated_times(of_everybody))
    outages = [outage for outage in study.outages if name in outage.functions]
    lost = Intervals.merge((outage.start, outage.end) for outage in outages)
    excused = past.common(
        Intervals.merge(
            (outage.start, outage.end)
            for outage in outages
            if outage.handling == "prorate"
        )
    )
    observed = recorded.minus(lost).minus(Intervals.union(*_bounds(gaps.pop("", []))))
    return Coverage(observed, excused, dict(_observed_of(observed, beats, gaps)))


def _observed_of(
    observed: Intervals,
    heartbeats: Mapping[str, Sequence[LogTime]],
    unknown: Mapping[str, Sequence[LogTime]],
) -> Iterator[tuple[str, Intervals]]:
    """The recorded time of participants of whom less is known than of everybody."""
    for participant in sorted(heartbeats.keys() | unknown.keys()):
        known = observed
        if participant in heartbeats:
            known = known.common(stated_times(heartbeats[participant]))
        lost = Intervals.union(*_bounds(unknown.get(participant, [])))
        yield participant, known.minus(lost)


def _union(intervals: Iterable[Intervals]) -> Intervals:
    return reduce(Intervals.plus, intervals)


def _bounds(times: Sequence[LogTime]) -> tuple[Instants, Instants]:
    return (
        utc_instants(time.start for time in times),
        utc_instants(time.end for time in times),
    )


def _by_function(times: Iterable[LogTime]) -> Mapping[str, list[LogTime]]:
    groups = defaultdict[str, list[LogTime]](list)
    for time in times:
        groups[time.function].append(time)
    return groups


def _by_participant(times: Iterable[LogTime]) -> dict[str, list[LogTime]]:
    groups = defaultdict[str, list[LogTime]](list)
    for time in times:
        groups[time.participant].append(time)
    return groups
