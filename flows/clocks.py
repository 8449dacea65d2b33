"""Clock corrections of a study: how many events each concerns, and what looks wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from panelstream.models.config_file import nearest
from panelstream.models.events.clocks import ClockCorrection
from panelstream.models.study.load import STUDY_FILE
from panelstream.models.study.study import Study
from panelstream.models.timestamps import microseconds
from panelstream.models.warehouse.store import Store


@dataclass(frozen=True)
class CorrectedClock:
    """A correction by its number in the study file, from 1, in words.

    `events`: those of its source with a time that it corrects; `remedy`: what to do
    about one that corrects none; empty: nothing.
    """

    number: int
    text: str
    events: int
    remedy: str

    @property
    def line(self) -> str:
        """What it does, or what is wrong with it, with the place in the study file."""
        if self.remedy:
            place = f"{STUDY_FILE}: clock_corrections, entry {self.number}"
            return f"{place}: {self.remedy}"
        return f"clock corrected: {self.text}; {self.events:,} events"


def read_corrected_clocks(
    store: Store, study: Study, as_of: datetime
) -> list[CorrectedClock]:
    """What the corrections of a study do to the log, as known at an instant."""
    return list(_corrected_clocks(store, study.clock_corrections, as_of))


def _corrected_clocks(
    store: Store, corrections: Sequence[ClockCorrection], as_of: datetime
) -> Iterator[CorrectedClock]:
    for number, correction in enumerate(corrections, start=1):
        [counts] = store.query(
            "corrected_events",
            as_of=as_of,
            source=correction.source,
            start=microseconds(correction.start),
            end=microseconds(correction.end),
        ).to_pylist()
        remedy = (
            ""
            if counts["events"]
            else _remedy(store, correction, as_of, counts["of_source"])
        )
        yield CorrectedClock(number, str(correction), counts["events"], remedy)


def _remedy(
    store: Store, correction: ClockCorrection, as_of: datetime, events: int
) -> str:
    if events:
        return (
            f"no event of '{correction.source}' has a time from 'from' until 'until'; "
            "write the times as they were recorded, or remove the entry"
        )
    problem = f"no event has the source '{correction.source}'"
    sources = store.query("sources", as_of=as_of)["source"].to_pylist()
    return f"{problem}; {nearest(correction.source, sources) if sources else 'the log is empty'}"
