"""The one path of events: decode, pseudonymise, refuse, append.

Files, streams and HTTP all bring `RawEvents` here; nothing else writes events.
"""

from bisect import bisect_right
from collections import ChainMap, Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from panelstream.ingest.events.column_decoder import ColumnDecoder, split_lines
from panelstream.ingest.events.rejected_event import Identify, nobody
from panelstream.ingest.events.splitting import Unsplittable, placed_events
from panelstream.ingest.events.strict_decoder import Decoder
from panelstream.ingest.pseudonymise import Pseudonyms
from panelstream.ingest.withdrawals import read_withdrawal_periods
from panelstream.models.errors import FileError
from panelstream.models.events.catalogue import TAKING_PART, Catalogue
from panelstream.models.events.clocks import Clocks
from panelstream.models.events.event import (
    COUNTED_REJECTIONS,
    DECODED,
    NOBODY,
    PSEUDONYMOUS,
    Counts,
    Event,
    Position,
    RejectedEvent,
    Rejection,
    event_key,
)
from panelstream.models.events.log_gap import LogGap, ReadPosition
from panelstream.models.events.unknown_period import Periods
from panelstream.models.study.consent import WithdrawalPeriods, is_withdrawn
from panelstream.models.timestamps import EARLIEST
from panelstream.models.warehouse.client import NotStorable
from panelstream.models.warehouse.ledger import (
    Batch,
    append_batch,
    append_log_gaps,
    append_read_positions,
    append_similar_ids,
)
from panelstream.models.warehouse.store import Store

_Input = TypeVar("_Input")
_Output = TypeVar("_Output")

UTC_ZONE = ZoneInfo("UTC")
_CONSENT = {"study.consent_given", "study.consent_withdrawn"}
_PREPARERS = 2
_RECOGNISED = 1_000_000
"""People whom a process remembers to have stored; storing them again is harmless."""
_WORD = 63
_FEW_LINES = 100
"""The columns of a batch cost as much as to decode so many lines one by one."""
_IDENTIFYING = ("source", "id", "occurred_at", "data")
"""Columns by which a row is found again among the events that arrived."""


@dataclass(frozen=True)
class RawEvents:
    """Payloads as they arrived, a line each: an event, or several of one payload.

    `first_line` is the 1-based line number of the first payload in `origin`; lines
    that come from several places have a `place` that tells where each was, by its
    number from 0. `rejections`: what was found wrong before there were lines.
    `path`: where a file lies, so that its dead letters can be read again; `origin_id`:
    what its content, or a run, is known by. `periods`, `opened`: as of a `Batch`.
    """

    origin: str
    first_line: int
    payload: bytes
    place: Callable[[int], Position] | None = None
    rejections: Sequence[Rejection] = ()
    path: str = ""
    origin_id: str = ""
    periods: Periods = field(default_factory=dict)
    opened: datetime = EARLIEST

    def position(self, row: int) -> Position:
        """Where a line was; rows count from 0."""
        if self.place is not None:
            return self.place(row)
        return Position(self.origin, self.first_line + row, None, self.origin_id)


@dataclass(frozen=True)
class Prepared:
    """Events ready to be written, and what they were made from.

    `similar_ids`: by participant id, of people whom this process has not stored yet.
    """

    raw: RawEvents
    batch: Batch
    similar_ids: Mapping[bytes, bytes] = field(default_factory=dict)

    def without(self, rejections: Set[Rejection]) -> "Prepared":
        """The same but for some rejections, which are on record already."""
        batch = self.batch
        remaining = [item for item in batch.rejections if item not in rejections]
        remaining_batch = _batch(
            self.raw, batch.events, remaining, batch.counts.refused
        )
        return replace(self, batch=remaining_batch)


@dataclass(frozen=True)
class Decoded:
    """The outcome of decoding: accepted events (`DECODED`) and rejections."""

    events: pa.Table
    rejections: list[Rejection]


class Pipeline:
    """Takes raw events in. What is stored is settled later, before it is read.

    `opened`: no event of the platform is from before; such times are wrong.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        pseudonyms: Pseudonyms,
        store: Store,
        clock: Callable[[], datetime],
        zone: ZoneInfo = UTC_ZONE,
        opened: datetime = EARLIEST,
    ) -> None:
        self._catalogue, self._pseudonyms = catalogue, pseudonyms
        self._store, self._clock, self._zone = store, clock, zone
        self._recognised: set[bytes] = set()
        self._opened = opened
        self.refresh()

    def refresh(self) -> None:
        """Learn who withdrew since, or came back, from whatever source."""
        self._withdrawn = read_withdrawal_periods(self._store, self._zone)

    def stored_counts(self) -> Mapping[str, int]:
        """How many events the warehouse holds now: `arrival_counts`."""
        [counts] = self._store.query("arrival_counts", as_of=self._clock()).to_pylist()
        return dict(counts)

    def open_letters(self) -> Mapping[str, int]:
        """How many dead letters nothing has settled, by reason."""
        rows = self._store.query("open_letter_counts", as_of=self._clock()).to_pylist()
        return {row["reason"]: row["letters"] for row in rows}

    def record_gaps(self, gaps: Sequence[LogGap]) -> None:
        """Record times in which events may be missing, as their log had gaps."""
        append_log_gaps(self._store, gaps)

    def record_positions(self, positions: Sequence[ReadPosition]) -> None:
        """Record how far partitions of a topic are read.

        Not where more was read of the same log already: of two workers the one that
        lost a partition may be the later one to say so.
        """
        known = {
            (entry.partition, entry.topic_id): entry.next_offset
            for entry in self.read_positions(positions[0].topic)
        }
        further = [
            entry
            for entry in positions
            if entry.next_offset >= known.get((entry.partition, entry.topic_id), 0)
        ]
        if further:
            append_read_positions(self._store, further)

    def read_positions(self, topic: str) -> list[ReadPosition]:
        """How far a topic had been read."""
        rows = self._store.query("log_positions", topic=topic).to_pylist()
        return [ReadPosition(topic=topic, **row) for row in rows]

    def close(self) -> None:
        """Close the warehouse."""
        self._store.close()

    def process(self, raw: RawEvents) -> Counts:
        """Take one batch; it is stored when this returns the counts on arrival."""
        return self.append(self.prepare(raw)).counts

    def process_all(self, raws: Iterable[RawEvents]) -> Iterator[Counts]:
        """Take many batches: while one is written the next ones are prepared."""
        with (
            ThreadPoolExecutor(_PREPARERS) as preparers,
            ThreadPoolExecutor(1) as writer,
        ):
            prepared = _ahead(preparers, self.prepare, raws, _PREPARERS)
            for appended in _ahead(writer, self.append, prepared, 1):
                yield appended.counts

    def prepare(self, raw: RawEvents) -> Prepared:
        """Everything short of writing: decode, pseudonymise, refuse, sort."""
        received_at = self._clock()
        raw = replace(raw, opened=self._opened)
        decode = decode_lines if _is_short(raw) else decode_batch
        decoded = decode(
            raw, self._catalogue, received_at, self._pseudonyms.participant_id
        )
        pseudonymous, subjects = pseudonymise(
            decoded.events, self._pseudonyms, received_at
        )
        accepted = _without_refused(
            pseudonymous, self._withdrawn, self._catalogue.clocks
        )
        refused = pseudonymous.num_rows - accepted.num_rows
        rejections = [*raw.rejections, *decoded.rejections]
        batch = _batch(raw, sort_events(accepted), rejections, refused)
        return Prepared(raw, batch, self._similar_ids(subjects, accepted))

    def _similar_ids(
        self, subjects: Mapping[bytes, str], accepted: pa.Table
    ) -> Mapping[bytes, bytes]:
        """What the ids of people look like whom this process has not stored yet.

        Of those alone of whom something is accepted.
        """
        people = subjects.keys() - self._recognised
        if people:
            people &= set(pc.unique(accepted["participant_id"]).to_pylist())
        return {
            person: self._pseudonyms.similar_id(subjects[person]) for person in people
        }

    def append(self, prepared: Prepared) -> Batch:
        """Write a batch; returns what was stored and what was rejected after all.

        Where the engine refuses a row, the batch is halved until that row is alone;
        it joins the rejected, and the others are stored.
        """
        self._store_similar_ids(prepared.similar_ids)
        places = _EventPlaces(prepared.raw, self._catalogue)
        return self._write(prepared.raw, prepared.batch, places)

    def _store_similar_ids(self, similar_ids: Mapping[bytes, bytes]) -> None:
        people = similar_ids.keys() - self._recognised
        if not people:
            return
        append_similar_ids(
            self._store, {person: similar_ids[person] for person in people}
        )
        if len(self._recognised) >= _RECOGNISED:
            self._recognised.clear()
        self._recognised |= people

    def _write(self, raw: RawEvents, batch: Batch, places: "_EventPlaces") -> Batch:
        """Write events of a batch, or those parts of them that the engine takes."""
        try:
            append_batch(self._store, batch)
        except NotStorable:
            if not batch.events.num_rows:
                raise
            return self._write_halves(raw, batch, places)
        return batch

    def _write_halves(
        self, raw: RawEvents, batch: Batch, places: "_EventPlaces"
    ) -> Batch:
        """Write events of which the engine refuses some: each half by itself."""
        refused, rejections = batch.counts.refused, batch.rejections
        middle = batch.events.num_rows // 2
        if middle == 0:
            rejection = _not_storable(batch.events, places, self._catalogue)
            no_events = batch.events.slice(0, 0)
            rejected = _batch(raw, no_events, [*rejections, rejection], refused)
            return self._write(raw, rejected, places)
        first = _batch(raw, batch.events.slice(0, middle), rejections, refused)
        second = _batch(raw, batch.events.slice(middle), (), 0)
        first = self._write(raw, first, places)
        is_whole = len(first.rejections) == len(rejections)
        if is_whole and second.events.num_rows > 1:
            # What is refused is in the second half: to try it whole would be in vain.
            second = self._write_halves(raw, second, places)
        else:
            second = self._write(raw, second, places)
        events = pa.concat_tables([first.events, second.events])
        return _batch(raw, events, [*first.rejections, *second.rejections], refused)


class _EventPlaces:
    """Where the events of a batch are: rows do not know, as that is seldom asked for."""

    def __init__(self, raw: RawEvents, catalogue: Catalogue) -> None:
        self._raw, self._catalogue = raw, catalogue
        self._places: dict[tuple[Any, ...], deque[Position]] | None = None

    def pop(self, row: Mapping[str, Any]) -> Position:
        """The next place of an event: one that came twice has two."""
        if self._places is None:
            self._places = self._decode(row["received_at"])
        places = self._places.get(tuple(row[name] for name in _IDENTIFYING))
        return places.popleft() if places else self._raw.position(0)

    def _decode(self, received_at: datetime) -> dict[tuple[Any, ...], deque[Position]]:
        places: dict[tuple[Any, ...], deque[Position]] = defaultdict(deque)
        decoder = Decoder(self._catalogue, received_at)
        for place, text in _placed_events(self._raw):
            for outcome in decoder.decode(text, place):
                if isinstance(outcome, Event):
                    key = tuple(getattr(outcome, name) for name in _IDENTIFYING)
                    places[key].append(place)
        return places


def join_batches(name: str, parts: Sequence[Prepared]) -> Prepared:
    """Batches as one, to be written together; every line keeps its position."""
    lengths = [part.raw.payload.count(b"\n") + 1 for part in parts]
    starts = list(accumulate(lengths, initial=0))

    def place(row: int) -> Position:
        number = bisect_right(starts, row) - 1
        return parts[number].raw.position(row - starts[number])

    payload = b"\n".join(part.raw.payload for part in parts)
    raw = RawEvents(name, 1, payload, place)
    events = sort_events(pa.concat_tables([part.batch.events for part in parts]))
    rejections = [rejection for part in parts for rejection in part.batch.rejections]
    refused = sum(part.batch.counts.refused for part in parts)
    similar_ids = ChainMap(*(dict(part.similar_ids) for part in parts))
    return Prepared(raw, _batch(raw, events, rejections, refused), similar_ids)


def changes_consent(batch: Batch) -> bool:
    """Whether somebody withdrew in it, or came back: a reason to `refresh`."""
    return bool(_CONSENT & set(pc.unique(batch.events["event_type"]).to_pylist()))


def _batch(
    raw: RawEvents, events: pa.Table, rejections: Sequence[Rejection], refused: int
) -> Batch:
    counts = Counts(
        accepted=events.num_rows,
        refused=refused,
        rejected=len(rejections),
        reasons=dict(Counter(rejection.reason for rejection in rejections)),
        rejections=tuple(rejections[:COUNTED_REJECTIONS]),
    )
    return Batch(
        raw.origin, events, rejections, counts, raw.path, raw.periods, raw.opened
    )


def _not_storable(
    events: pa.Table, places: _EventPlaces, catalogue: Catalogue
) -> Rejection:
    """The rejection of a single event."""
    [row] = events.to_pylist()
    return Rejection("not_storable", "", places.pop(row), _described(row, catalogue))


def _described(row: Mapping[str, Any], catalogue: Catalogue) -> RejectedEvent:
    """What a row tells that was decoded and cannot be stored."""
    return RejectedEvent(
        event_type=row["event_type"],
        function=catalogue.affected_function(row["event_type"]),
        every_function=False,
        participant_id=row["participant_id"],
        occurred_at=row["occurred_at"],
        event_key=event_key(row["source"], row["id"]),
    )


def _placed_events(raw: RawEvents) -> Iterator[tuple[Position, bytes]]:
    for row, line in enumerate(raw.payload.split(b"\n")):
        with suppress(Unsplittable):
            yield from placed_events(line, raw.position(row))


def _ahead(
    executor: Executor,
    work: Callable[[_Input], _Output],
    inputs: Iterable[_Input],
    depth: int,
) -> Iterator[_Output]:
    """Results in the order of the inputs, with at most `depth` under way beyond the next.

    An error of the inputs is raised after the results of those before it.
    """
    under_way: deque[Future[_Output]] = deque()
    try:
        for value in inputs:
            under_way.append(executor.submit(work, value))
            if len(under_way) > depth:
                yield under_way.popleft().result()
    except FileError:
        yield from _results(under_way)
        raise
    yield from _results(under_way)


def _results(under_way: deque[Future[_Output]]) -> Iterator[_Output]:
    while under_way:
        yield under_way.popleft().result()


def decode_batch(
    raw: RawEvents,
    catalogue: Catalogue,
    received_at: datetime,
    identify: Identify = nobody,
) -> Decoded:
    """Decode a batch: by columns where rows are unremarkable, else one by one."""
    columnar = ColumnDecoder(catalogue, received_at).decode(raw.payload)
    decoder = Decoder(catalogue, received_at, identify, raw.opened)
    outcomes = (
        _decode_strictly(raw, columnar.strict_rows, decoder)
        if columnar.strict_rows.size
        else ()
    )
    return _decoded(columnar.events, outcomes)


def decode_lines(
    raw: RawEvents,
    catalogue: Catalogue,
    received_at: datetime,
    identify: Identify = nobody,
) -> Decoded:
    """The same one by one: faster where the lines are few."""
    rows = np.arange(raw.payload.count(b"\n") + 1)
    decoder = Decoder(catalogue, received_at, identify, raw.opened)
    return _decoded(DECODED.empty_table(), _decode_strictly(raw, rows, decoder))


def _is_short(raw: RawEvents) -> bool:
    return raw.payload.count(b"\n") < _FEW_LINES


def _decoded(columns: pa.Table, outcomes: Iterable[Event | Rejection]) -> Decoded:
    strict = list(outcomes)
    events = [outcome for outcome in strict if isinstance(outcome, Event)]
    return Decoded(
        pa.concat_tables([columns, _table(events)]),
        [outcome for outcome in strict if isinstance(outcome, Rejection)],
    )


def _decode_strictly(
    raw: RawEvents, rows: np.ndarray, decoder: Decoder
) -> Iterator[Event | Rejection]:
    lines = split_lines(raw.payload)
    for row in rows.tolist():
        line = lines.line(row)
        if line.strip():
            yield from decoder.decode(line, raw.position(row))


def pseudonymise(
    events: pa.Table, pseudonyms: Pseudonyms, received_at: datetime
) -> tuple[pa.Table, Mapping[bytes, str]]:
    """Replace subjects by participant ids; stamps when we first saw the events.

    Returns the subjects too, by participant id.
    """
    encoded = events["subject"].combine_chunks().dictionary_encode()
    subjects = encoded.dictionary.to_pylist()
    ids = [
        pseudonyms.participant_id(subject) if subject else NOBODY
        for subject in subjects
    ]
    participants = pa.array(ids, PSEUDONYMOUS.field("participant_id").type).take(
        encoded.indices
    )
    place = events.schema.get_field_index("subject")
    stamp = pa.scalar(received_at, pa.timestamp("us", "UTC"))
    pseudonymous = events.set_column(place, "participant_id", participants)
    stamps = pa.repeat(stamp, events.num_rows)
    people = {
        person: subject
        for person, subject in zip(ids, subjects, strict=True)
        if subject
    }
    return pseudonymous.append_column("received_at", stamps), people


def sort_events(events: pa.Table) -> pa.Table:
    """Order rows as the table is sorted: sorting inside an insert costs far more."""
    if events.num_rows < 2:
        return events
    people = _ranks(events["participant_id"])
    functions = _ranks(events["function"])
    times = np.asarray(events["occurred_at"], "int64")
    earliest = times.min(initial=times.max(initial=0))
    return events.take(_order(people, functions, times - earliest))


def _order(*keys: np.ndarray) -> np.ndarray:
    """The order by whole numbers of 0 or more, the first key first."""
    bits = [int(key.max(initial=0)).bit_length() for key in keys]
    if sum(bits) > _WORD:
        return np.lexsort(keys[::-1])
    word = keys[0]
    for key, width in zip(keys[1:], bits[1:], strict=True):
        word = word << width | key
    # As one number rows are sorted twice as fast; stable, so that of an event sent
    # twice in a batch the same one stays however it came.
    return np.argsort(word, kind="stable")


def _ranks(column: pa.ChunkedArray) -> np.ndarray:
    encoded = column.combine_chunks().dictionary_encode()
    rank = np.empty(len(encoded.dictionary), np.int64)
    rank[np.asarray(pc.sort_indices(encoded.dictionary))] = np.arange(len(rank))
    return np.asarray(rank[np.asarray(encoded.indices)])


def _table(events: list[Event]) -> pa.Table:
    columns = zip(*events, strict=True) if events else [[] for _ in DECODED]
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, DECODED, strict=True)]
    return pa.Table.from_arrays(arrays, schema=DECODED)


def _without_refused(
    events: pa.Table, withdrawn: Mapping[bytes, WithdrawalPeriods], clocks: Clocks
) -> pa.Table:
    """Take nothing of a person between withdrawing and agreeing again.

    Events that say who takes part are always taken, or nobody could come back.
    """
    if not withdrawn:
        return events
    people = pa.array(list(withdrawn), PSEUDONYMOUS.field("participant_id").type)
    rows = np.flatnonzero(pc.is_in(events["participant_id"], people))
    refused = [
        row
        for row, event in zip(rows, events.take(rows).to_pylist(), strict=True)
        if event["event_type"] not in TAKING_PART
        and is_withdrawn(
            withdrawn[event["participant_id"]],
            clocks.correct(event["source"], event["occurred_at"]),
        )
    ]
    if not refused:
        return events
    return events.take(np.delete(np.arange(events.num_rows), refused))
