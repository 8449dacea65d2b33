"""For which times the event log is known to be whole, by function.

What makes a zero a known zero: heartbeats of the platform (or the study file's
word that the log covers everything), less the outages that the study file lists.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from panelstream.models.study.intervals import Intervals
from panelstream.models.study.study import Study


@dataclass(frozen=True)
class Coverage:
    """`observed`: recorded time. `excused`: unrecorded time that may be prorated."""

    observed: Intervals
    excused: Intervals


def cover(
    study: Study, heartbeats: Iterable[tuple[str, datetime, datetime]]
) -> Mapping[str, Coverage]:
    """The coverage of each function of the study.

    `heartbeats`: function, from, to; an unknown function's are passed over.
    """
    beats = list(heartbeats)
    return {name: _cover_one(study, name, beats) for name in study.exposure.functions}


def _cover_one(
    study: Study, name: str, beats: list[tuple[str, datetime, datetime]]
) -> Coverage:
    if study.coverage == "assumed":
        recorded = Intervals.always()
    else:
        recorded = Intervals.merge(
            (start, end) for function, start, end in beats if function == name
        )
    outages = [outage for outage in study.outages if name in outage.functions]
    lost = Intervals.merge((outage.start, outage.end) for outage in outages)
    excused = Intervals.merge(
        (outage.start, outage.end) for outage in outages if outage.handling == "prorate"
    )
    return Coverage(recorded.minus(lost), excused)
