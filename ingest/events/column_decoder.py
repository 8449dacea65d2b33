"""Whole chunks of unremarkable events to columns, at the speed of Arrow.

Only what `ingest.decode` would accept is accepted here; every row (or chunk)
that is in any way unusual is left to it. `tests/properties` holds the two
against each other.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from panelstream.ingest.events.strict_decoder import (
    MAX_EVENT_BYTES,
    MAX_ID_LENGTH,
    UNREADABLE,
)
from panelstream.models.events.catalogue import Catalogue, EventType, FieldRule
from panelstream.models.events.event import DECODED
from panelstream.models.timestamps import EARLIEST, FUTURE_TOLERANCE

_TEXT = (
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "subject",
    "senttime",
    "datacontenttype",
)
_ARROW = {
    "one_of": pa.string(),
    "slug": pa.string(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}
_READ = _ARROW | {"slugs": pa.list_(pa.string()), "instant": pa.string()}
"""Read so that they spoil no chunk; their events go to the strict decoder."""
_PYTHON: dict[str, type] = {"one_of": str, "slug": str, "integer": int, "boolean": bool}
_BLOCK_BYTES = 4 << 20
_NEWLINE, _OPEN, _CLOSE = b"\n{}"
_TIME = DECODED.field("occurred_at").type
_DATE = (
    r"(?:(?:19[7-9]\d|20\d\d)-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    r"|(?:19(?:7[26]|8[048]|9[26])|20(?:[02468][048]|[13579][26]))-02-29)"
)
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
_INSTANT = rf"^{_DATE}T{_CLOCK}(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$"
"""Times that are sure to exist, so that one which does not spoils no other's cast."""
_SLUG = r"^[a-z0-9][a-z0-9_.-]{0,63}$"


@dataclass(frozen=True)
class Columns:
    """`events`: accepted rows (`models.events.DECODED`); `left`: rows to decode strictly."""

    events: pa.Table
    left: np.ndarray


class ColumnDecoder:
    """Decodes chunks against a catalogue, as seen at `received_at` (UTC)."""

    def __init__(self, catalogue: Catalogue, received_at: datetime) -> None:
        self.catalogue = catalogue
        self.latest = received_at + FUTURE_TOLERANCE
        self.plain = {
            name: one
            for name, one in catalogue.types.items()
            if all(rule.kind in _ARROW for rule in one.data.values())
        }

    def decode(self, chunk: bytes) -> Columns:
        """Decode a chunk of lines.

        Lines that Arrow could not read at all, and those with data that no type
        has, are set aside first, so that one bad line does not cost its neighbours
        the fast road. Names that somebody makes up never become columns: each would
        take memory for every row.
        """
        lines = Lines.of(chunk)
        kept = lines.braced & lines.short
        rows = np.flatnonzero(kept)
        table = self._read(lines.text(kept), len(rows), unexpected="error")
        if table is None:
            rows = rows[[self._is_readable(lines.line(row)) for row in rows.tolist()]]
            kept = np.isin(np.arange(len(kept)), rows)
            table = self._read(lines.text(kept), len(rows), unexpected="ignore")
        if table is None:
            return Columns(DECODED.empty_table(), np.arange(len(kept)))
        columns = self._accept(table, rows)
        return Columns(columns.events, np.union1d(columns.left, np.flatnonzero(~kept)))

    def _read(self, text: bytes, lines: int, unexpected: str) -> pa.Table | None:
        """Parse; None when a row would not be exactly one line of UTF-8."""
        if not lines:
            return None
        try:
            table = pj.read_json(
                pa.BufferReader(text),
                # The batches are what runs at the same time.
                read_options=pj.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
                parse_options=pj.ParseOptions(
                    self._schema, unexpected_field_behavior=unexpected
                ),
            )
        except pa.ArrowInvalid:
            return None
        return table if table.num_rows == lines and _is_utf8(text) else None

    @cached_property
    def _schema(self) -> pa.Schema:
        fields = {
            name: _READ[kind]
            for name, kind in self.catalogue.field_kinds.items()
            if kind in _READ
        }
        schema = {name: pa.string() for name in _TEXT}
        schema |= {"schemaversion": pa.int64(), "data": pa.struct(fields)}
        return pa.schema(schema)

    @cached_property
    def _decode_envelope(self) -> msgspec.json.Decoder[object]:
        kinds = self.catalogue.field_kinds.items()
        data = msgspec.defstruct(
            "Data",
            [(n, _PYTHON[k] | None, None) for n, k in kinds if k in _PYTHON],
            forbid_unknown_fields=True,
            gc=False,
        )
        envelope = [(name, str | None, None) for name in _TEXT]
        more = [("schemaversion", int | None, None), ("data", data | None, None)]
        return msgspec.json.Decoder(
            msgspec.defstruct("Envelope", [*envelope, *more], gc=False)
        )

    def _is_readable(self, line: bytes) -> bool:
        try:
            self._decode_envelope.decode(line)
        except UNREADABLE:
            return False
        return _is_utf8(line)

    def _accept(self, table: pa.Table, rows: np.ndarray) -> Columns:
        table = table.combine_chunks()
        types = table["type"].combine_chunks().dictionary_encode()
        fits, data = self._data(_struct_fields(table), types)
        good = fits & self._usual(table)
        times = _times(table["time"], good)
        good &= self._on_time(times)
        events = pa.Table.from_arrays(
            [
                table["source"],
                table["id"],
                table["type"],
                pa.array(
                    map(self._function, types.dictionary.to_pylist()), pa.string()
                ).take(types.indices),
                table["subject"],
                times,
                pa.nulls(table.num_rows, _TIME),
                pa.array(np.ones(table.num_rows, np.uint8)),
                data,
            ],
            schema=DECODED,
        )
        return Columns(events if good.all() else events.filter(good), rows[~good])

    def _function(self, name: str | None) -> str:
        rule = self.plain.get(name or "")
        return (rule and rule.function) or ""

    def _usual(self, table: pa.Table) -> np.ndarray:
        checks = [
            pc.equal(table["specversion"], "1.0"),
            _short(table["id"]),
            pc.invert(pc.match_substring(table["id"], "@")),
            _short(table["subject"]),
            pc.is_in(
                table["source"], pa.array(self.catalogue.accepted_sources, pa.string())
            ),
            pc.match_substring_regex(table["time"], _INSTANT),
            pc.is_null(table["senttime"]),
            pc.fill_null(pc.equal(table["schemaversion"], 1), True),
            pc.fill_null(pc.equal(table["datacontenttype"], "application/json"), True),
        ]
        return np.asarray(np.logical_and.reduce([_mask(check) for check in checks]))

    def _on_time(self, times: pa.Array) -> np.ndarray:
        earliest, latest = (pa.scalar(one, _TIME) for one in (EARLIEST, self.latest))
        return _mask(
            pc.and_(pc.greater_equal(times, earliest), pc.less_equal(times, latest))
        )

    def _data(
        self, data: Mapping[str, pa.Array], types: pa.DictionaryArray
    ) -> tuple[np.ndarray, pa.Array]:
        """Rows whose data has what their type requires, and the canonical data."""
        fits = np.zeros(len(types), bool)
        texts = _same("{}", len(types))
        codes = np.asarray(pc.fill_null(types.indices, -1))
        absent = {name: _mask(pc.is_null(values)) for name, values in data.items()}
        for code, name in enumerate(types.dictionary.to_pylist()):
            rule = self.plain.get(name)
            if rule is None or not rule.subject or 1 not in rule.versions:
                continue
            own = codes == code
            foreign = [absent[name] for name in data if name not in rule.data]
            fits |= np.logical_and.reduce([own, *foreign])
            if rule.data:
                chosen = {field: data[field].filter(own) for field in rule.data}
                fits[own] &= _fits(rule, chosen)
                texts = pc.replace_with_mask(texts, own, _canonical(rule, chosen))
        return fits, texts


@dataclass(frozen=True)
class Lines:
    """Where the lines of a chunk are: from `starts` (included) to `stops` (not)."""

    chunk: bytes
    starts: np.ndarray
    stops: np.ndarray

    @classmethod
    def of(cls, chunk: bytes) -> "Lines":
        """The lines of a chunk; an empty one has one, which is empty."""
        ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == _NEWLINE)
        return cls(chunk, np.append(0, ends + 1), np.append(ends, len(chunk)))

    @property
    def braced(self) -> np.ndarray:
        """Those that start with { and end with }: no row can begin in another line."""
        full = self.starts < self.stops
        content = np.frombuffer(self.chunk or b"\n", np.uint8)
        first = content[np.where(full, self.starts, 0)]
        last = content[np.where(full, self.stops - 1, 0)]
        braced: np.ndarray = full & (first == _OPEN) & (last == _CLOSE)
        return braced

    @property
    def short(self) -> np.ndarray:
        """Those far from the limit of length."""
        short: np.ndarray = self.stops - self.starts <= MAX_EVENT_BYTES // 2
        return short

    def line(self, row: int) -> bytes:
        """One line."""
        return self.chunk[self.starts[row] : self.stops[row]]

    def text(self, kept: np.ndarray) -> bytes:
        """The kept lines; the chunk itself if that is all of them."""
        if kept.all():
            return self.chunk
        edges = np.flatnonzero(np.diff(kept, prepend=False, append=False))
        runs = edges.reshape(-1, 2)
        return b"\n".join(
            self.chunk[self.starts[first] : self.stops[behind - 1]]
            for first, behind in runs
        )


def _is_utf8(chunk: bytes) -> bool:
    try:
        return chunk.isascii() or bool(chunk.decode())
    except UnicodeDecodeError:
        return False


def _struct_fields(table: pa.Table) -> Mapping[str, pa.Array]:
    data = table["data"].combine_chunks()
    if not pa.types.is_struct(data.type):
        return {}
    return {field.name: pc.struct_field(data, field.name) for field in data.type}


def _short(text: pa.ChunkedArray) -> pa.ChunkedArray:
    length = pc.utf8_length(text)
    return pc.and_(pc.greater(length, 0), pc.less_equal(length, MAX_ID_LENGTH))


def _mask(check: pa.Array | pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(check, False), dtype=bool)


def _times(texts: pa.ChunkedArray, good: np.ndarray) -> pa.Array:
    """Instants of the good rows; null in the others, which might not parse."""
    sure = texts.combine_chunks()
    if not good.all():
        sure = pc.if_else(good, sure, pa.scalar(None, pa.string()))
    return sure.cast(_TIME)


def _fits(rule: EventType, data: Mapping[str, pa.Array]) -> np.ndarray:
    """Rows whose data has what the type requires, all in range."""
    each = [_field_fits(rule.data[name], values) for name, values in data.items()]
    return np.asarray(np.logical_and.reduce(each))


def _field_fits(rule: FieldRule, values: pa.Array) -> np.ndarray:
    if rule.kind == "one_of":
        check = pc.is_in(values, pa.array(rule.choices, pa.string()))
    elif rule.kind == "integer":
        check = pc.and_(
            pc.greater_equal(values, rule.low), pc.less_equal(values, rule.high)
        )
    elif rule.kind == "slug":
        check = pc.match_substring_regex(values, _SLUG)
    else:
        check = pc.is_valid(values)
    fits = _mask(check)
    return fits if rule.required else fits | _mask(pc.is_null(values))


def _same(text: str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), rows)


def _canonical(rule: EventType, data: Mapping[str, pa.Array]) -> pa.Array:
    """What `ingest.decode.canonical` writes, for all rows of a type at once."""
    members = [_member(name, rule.data[name], data[name]) for name in sorted(data)]
    # Joined after an empty text, as rows without any member would be dropped.
    joined = pc.binary_join_element_wise("", *members, ",", null_handling="skip")
    inside = pc.utf8_ltrim(joined, ",")
    return pc.binary_join_element_wise("{", inside, "}", "")


def _member(name: str, rule: FieldRule, values: pa.Array) -> pa.Array:
    text = values.cast(pa.string())
    quote = '"' if rule.kind in {"one_of", "slug"} else ""
    return pc.binary_join_element_wise(f"{json.dumps(name)}:{quote}", text, quote, "")
