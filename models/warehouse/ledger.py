"""The ledger of batches: what arrives is entered before its rows, completed after them.

A reader knows by it up to where nothing can be added any more
(`queries/settled_at.sql`). With one writer, what is not complete was broken off.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from panelstream.models.errors import Unreachable
from panelstream.models.events.event import Counts, Position, Rejection
from panelstream.models.events.log_gap import LogGap, ReadPosition
from panelstream.models.events.unknown_period import (
    Period,
    Periods,
    period_before,
    unknown_period,
)
from panelstream.models.timestamps import EARLIEST
from panelstream.models.warehouse.client import NotStorable
from panelstream.models.warehouse.settling import SETTLING
from panelstream.models.warehouse.store import TICK, Store

_INSTANT = pa.timestamp("us", "UTC")
_ENTERING = SETTLING / 2
"""How long after its instant a batch may be entered."""
_ATTEMPTS = 10
_LETTER_KEY = pa.schema(
    {
        "reason": pa.string(),
        "field": pa.string(),
        "origin_id": pa.string(),
        "origin": pa.string(),
        "line": pa.uint64(),
        "batch_index": pa.uint32(),
    }
)
_LETTERS_AT_ONCE = 2_000
"""Letters that become columns at a time: no other thread runs meanwhile."""
_LETTER = pa.schema(
    [
        *_LETTER_KEY,
        pa.field("path", pa.string()),
        pa.field("arrival", _INSTANT),
        pa.field("event_key", pa.binary(16)),
        pa.field("event_type", pa.string()),
        pa.field("function", pa.string()),
        pa.field("every_function", pa.uint8()),
        pa.field("participant_id", pa.binary(16)),
        pa.field("unknown_from", _INSTANT),
        pa.field("unknown_until", _INSTANT),
        pa.field("recorded_at", _INSTANT),
    ]
)
_RESOLUTION = pa.schema(
    [*_LETTER_KEY, pa.field("recorded_at", _INSTANT), pa.field("resolved_at", _INSTANT)]
)
_DISMISSAL = pa.schema(
    {
        **dict.fromkeys(
            ("dismissal_id", "reason", "event_type", "origin", "because"), pa.string()
        ),
        "letters": pa.uint64(),
        "recorded_at": _INSTANT,
    }
)
_MERGE = pa.schema(
    {
        **dict.fromkeys(("alias", "person", "same_as"), pa.binary(16)),
        "stated_at": _INSTANT,
        "line": pa.uint32(),
        "origin": pa.string(),
        "links": pa.list_(pa.string()),
        "recorded_at": _INSTANT,
    }
)
_LOG_GAP = pa.schema(
    {
        "topic": pa.string(),
        "partition": pa.uint32(),
        "from_offset": pa.uint64(),
        "until_offset": pa.uint64(),
        "unknown_from": _INSTANT,
        "unknown_until": _INSTANT,
        "reason": pa.string(),
    }
)
_READ_POSITION = pa.schema(
    {
        "topic": pa.string(),
        "partition": pa.uint32(),
        "topic_id": pa.string(),
        "next_offset": pa.uint64(),
        "last_time": pa.timestamp("ms", "UTC"),
    }
)
_IMPORT_COUNTS = (
    "rows",
    "people",
    "responses",
    "answers",
    "added",
    "changed",
    "moved",
    "unchanged",
    "gone",
    "refused",
    "set_apart",
)
_IMPORT = pa.schema(
    {
        "import_id": pa.string(),
        "source": pa.string(),
        "name": pa.string(),
        "selection": pa.uint16(),
        "reading": pa.binary(16),
        "origin": pa.string(),
        "sha256": pa.string(),
        "header": pa.string(),
        "format": pa.string(),
        "encoding": pa.string(),
        "timezone": pa.string(),
        "coding": pa.map_(pa.string(), pa.string()),
        "mapping": pa.string(),
        "links": pa.string(),
        "items": pa.list_(pa.string()),
        "wave": pa.uint16(),
        **dict.fromkeys(_IMPORT_COUNTS, pa.uint64()),
        "recorded_at": _INSTANT,
    }
)


@dataclass(frozen=True)
class Batch:
    """What one batch of input adds: pseudonymous events and rejections.

    `path`: where a file lies; empty for streams. `periods`: when what arrived at a
    place (of a record, or of an event in it) must have taken place; None: at any time.
    `opened`: accepted events from before have a wrong time.
    """

    origin: str
    events: pa.Table
    rejections: Sequence[Rejection]
    counts: Counts
    path: str = ""
    periods: Periods = field(default_factory=dict)
    opened: datetime = EARLIEST

    def period(self, position: Position, recorded_at: datetime) -> Period | None:
        """When the event at a place took place at all events; None: at any time."""
        for place in (position, position.element(None)):
            if place in self.periods:
                return self.periods[place]
        return self._accepted if self.path else period_before(recorded_at)

    @cached_property
    def _accepted(self) -> Period | None:
        """From the first accepted event to the last; None if there is none."""
        times = self.events["occurred_at"]
        times = times.filter(pc.greater_equal(times, pa.scalar(self.opened, _INSTANT)))
        first, last = pc.min_max(times).as_py().values()
        return (first, last + TICK) if first else None


def append_batch(store: Store, batch: Batch) -> None:
    """Record a batch. Repeating it, wholly or in part, changes nothing a reader sees.

    Raises `NotStorable` if the engine refuses a row for what it holds (then nothing
    of the batch is recorded or counted), `Unreachable` if it cannot be written.
    """
    with _arriving(store, batch.origin, batch.counts) as at:
        if batch.events.num_rows:
            store.insert("events", _stamped(batch.events, at))
        if batch.rejections:
            store.insert("dead_letters", _dead_letters(batch, at))


def resolve_dead_letters(store: Store, letters: Sequence[Mapping[str, Any]]) -> None:
    """Mark dead letters (rows of `open_dead_letters`) as resolved."""
    with _arriving(store, "dead letters", Counts()) as at:
        rows = [
            {**letter, "recorded_at": letter["last_recorded_at"], "resolved_at": at}
            for letter in letters
        ]
        store.insert(
            "dead_letter_resolutions", pa.Table.from_pylist(rows, schema=_RESOLUTION)
        )


def dismiss_dead_letters(store: Store, about: Mapping[str, Any]) -> str:
    """Record a dismissal; returns its id.

    `about`: its line of `dead_letter_dismissals`, but for id and time.
    """
    with _arriving(store, "dead letters", Counts()) as at:
        dismissal_id = f"{at:%Y%m%dT%H%M%S%f}"
        line = {**about, "dismissal_id": dismissal_id, "recorded_at": at}
        rows = pa.Table.from_pylist([line], schema=_DISMISSAL)
        store.insert("dead_letter_dismissals", rows)
    return dismissal_id


def retract_dismissal(store: Store, dismissal_id: str) -> None:
    """Take a dismissal back: its letters are open again from now on."""
    with _arriving(store, "dead letters", Counts()) as at:
        row = {"dismissal_id": [dismissal_id], "recorded_at": [at]}
        store.insert("dismissal_retractions", pa.table(row))


def append_log_gaps(store: Store, gaps: Sequence[LogGap]) -> None:
    """Record gaps of the log; a repetition changes nothing that a reader sees."""
    with _arriving(store, gaps[0].topic, Counts()) as at:
        rows = pa.Table.from_pylist([asdict(gap) for gap in gaps], schema=_LOG_GAP)
        store.insert("log_gaps", _stamped(rows, at))


def append_read_positions(store: Store, positions: Sequence[ReadPosition]) -> None:
    """Record how far partitions are read."""
    rows = [asdict(position) for position in positions]
    table = pa.Table.from_pylist(rows, schema=_READ_POSITION)
    store.insert("log_positions", _stamped(table, store.next_instant()))


def append_similar_ids(store: Store, similar_ids: Mapping[bytes, bytes]) -> None:
    """Record what the ids of people look like, by participant id.

    That is no state of knowledge: it needs no instant of its own.
    """
    hashes = pa.binary(16)
    table = pa.table(
        {
            "participant_id": pa.array(similar_ids.keys(), hashes),
            "similar_id": pa.array(similar_ids.values(), hashes),
        }
    )
    store.insert("similar_ids", _stamped(table, store.now()))


def append_reading(
    store: Store, answers: pa.Table, sheets: pa.Table, about: Mapping[str, Any]
) -> str:
    """Record an import; returns its id.

    `answers`: the columns of `responses` but for `import_id` and `recorded_at`.
    `sheets`: rows of `readings`. There may be none of either, where they are stored
    already. `about`: its line of the ledger `imports`, but for these two; it comes
    last, as nothing holds that no import states.
    """
    with _arriving(store, about["origin"], Counts()) as at:
        import_id = f"{at:%Y%m%dT%H%M%S%f}"
        if answers.num_rows:
            ids = pa.repeat(pa.scalar(import_id), answers.num_rows)
            rows = answers.append_column("import_id", ids)
            store.insert("responses", _stamped(rows, at))
        if sheets.num_rows:
            store.insert("readings", sheets)
        line = {**about, "import_id": import_id, "recorded_at": at}
        store.insert("imports", pa.Table.from_pylist([line], schema=_IMPORT))
    return import_id


def retract_import(store: Store, import_id: str) -> None:
    """Take an import back: what it said does not hold from now on."""
    with _arriving(store, import_id, Counts()) as at:
        row = {"import_id": [import_id], "recorded_at": [at]}
        store.insert("import_retractions", pa.table(row))


def append_roster(store: Store, people: pa.Table, similar_ids: pa.Table) -> None:
    """Record what a roster says: the tables' columns but for `recorded_at`."""
    with _arriving(store, "roster", Counts()) as at:
        for table, rows in (("similar_ids", similar_ids), ("roster", people)):
            if rows.num_rows:
                store.insert(table, _stamped(rows, at))


def append_merges(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record under which id people count: the columns of `merges` but `recorded_at`.

    `stated_at` is None where that is stated now.
    """
    with _arriving(store, "merges", Counts()) as at:
        records = [
            {**row, "stated_at": row["stated_at"] or at, "recorded_at": at}
            for row in rows
        ]
        store.insert("merges", pa.Table.from_pylist(records, schema=_MERGE))


@contextmanager
def _arriving(store: Store, origin: str, counts: Counts) -> Iterator[datetime]:
    """The instant of a batch, which is in the ledger until its rows are all written."""
    at = _enter(store, origin, counts)
    try:
        yield at
    except NotStorable:
        store.execute("changes/forget_arrival", at=at, origin=origin)
        raise
    store.insert("completions", pa.table({"recorded_at": pa.array([at], _INSTANT)}))


def _enter(store: Store, origin: str, counts: Counts) -> datetime:
    """Enter a batch in the ledger, so soon that no reader has passed its instant."""
    for _ in range(_ATTEMPTS):
        at = store.next_instant()
        store.insert("arrivals", _arrival(origin, counts, at))
        if not store.shared or store.now() - at <= _ENTERING:
            return at
        store.execute("changes/forget_arrival", at=at, origin=origin)
    raise Unreachable(
        f"the warehouse takes over {_ENTERING.seconds} s for one row; is it overloaded?"
    )


def _arrival(origin: str, counts: Counts, at: datetime) -> pa.Table:
    return pa.table(
        {
            "recorded_at": pa.array([at], _INSTANT),
            "origin": [origin],
            "accepted": [counts.accepted],
            "rejected": [counts.rejected],
            "refused": [counts.refused],
        }
    )


def _dead_letters(batch: Batch, at: datetime) -> pa.Table:
    letters = (_dead_letter(rejection, batch, at) for rejection in batch.rejections)
    parts = iter(lambda: list(islice(letters, _LETTERS_AT_ONCE)), [])
    return pa.concat_tables(
        [pa.Table.from_pylist(part, schema=_LETTER) for part in parts]
    )


def _dead_letter(rejection: Rejection, batch: Batch, at: datetime) -> dict[str, Any]:
    position, event = rejection.position, rejection.event
    period = batch.period(position, at)
    start, end = unknown_period(event.occurred_at, period, at)
    return {
        "reason": rejection.reason,
        "field": rejection.field,
        "origin_id": position.origin_id,
        "origin": position.origin,
        "line": position.line,
        "batch_index": position.index,
        "path": batch.path,
        "arrival": at,
        "event_key": event.event_key,
        "event_type": event.event_type,
        "function": event.function,
        "every_function": int(event.every_function),
        "participant_id": event.participant_id,
        "unknown_from": start,
        "unknown_until": end,
        "recorded_at": at,
    }


def _stamped(rows: pa.Table, at: datetime) -> pa.Table:
    return rows.append_column("recorded_at", _repeat(at, rows))


def _repeat(at: datetime, rows: pa.Table) -> pa.Array:
    return pa.repeat(pa.scalar(at, _INSTANT), rows.num_rows)
