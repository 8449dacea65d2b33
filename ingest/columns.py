"""Whole chunks of unremarkable events to columns, at the speed of Arrow.

Only what `ingest.decode` would accept is accepted here; every row (or chunk)
that is in any way unusual is left to it. `tests/properties` holds the two
against each other.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import compress

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from ingest.decode import (
    EARLIEST,
    FUTURE_TOLERANCE,
    MAX_EVENT_BYTES,
    MAX_ID_LENGTH,
    UNREADABLE,
)
from models.catalogue import Catalogue, EventType, FieldRule
from models.events import DECODED

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
_PYTHON: dict[str, type] = {"one_of": str, "slug": str, "integer": int, "boolean": bool}
_BLOCK_BYTES = 4 << 20
_OPEN, _CLOSE = b"{}"
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

        Lines that Arrow could not read at all are set aside first, so that one
        bad line does not cost its neighbours the fast road.
        """
        table = self._read(chunk)
        if table is not None:
            return self._accept(table, np.arange(table.num_rows))
        lines = chunk.split(b"\n")
        readable = list(map(self._is_readable, lines))
        kept = np.flatnonzero(readable)
        table = self._read(b"\n".join(compress(lines, readable)))
        if table is None:
            return Columns(DECODED.empty_table(), np.arange(len(lines)))
        columns = self._accept(table, kept)
        unreadable = np.delete(np.arange(len(lines)), kept)
        return Columns(columns.events, np.union1d(columns.left, unreadable))

    def _read(self, chunk: bytes) -> pa.Table | None:
        """Parse; None when a row would not be exactly one short line of UTF-8."""
        lines = chunk.count(b"\n") + 1
        if not _one_object_a_line(chunk, lines) or _some_line_is_long(chunk):
            return None
        try:
            table = pj.read_json(
                pa.BufferReader(chunk),
                read_options=pj.ReadOptions(block_size=_BLOCK_BYTES),
                parse_options=self._parse_options,
            )
        except pa.ArrowInvalid:
            return None
        return table if table.num_rows == lines and _is_utf8(chunk) else None

    @cached_property
    def _parse_options(self) -> pj.ParseOptions:
        fields = {
            name: _ARROW[kind]
            for name, kind in self.catalogue.field_kinds.items()
            if kind in _ARROW
        }
        schema = {name: pa.string() for name in _TEXT}
        schema |= {"schemaversion": pa.int64(), "data": pa.struct(fields)}
        return pj.ParseOptions(pa.schema(schema), unexpected_field_behavior="infer")

    @cached_property
    def _decode_envelope(self) -> msgspec.json.Decoder[object]:
        kinds = self.catalogue.field_kinds.items()
        data = msgspec.defstruct(
            "Data",
            [(n, _PYTHON[k] | None, None) for n, k in kinds if k in _PYTHON],
            rename=None,
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
        bounded = line[0] == _OPEN and line[-1] == _CLOSE
        return bounded and len(line) <= MAX_EVENT_BYTES // 2 and _is_utf8(line)

    def _accept(self, table: pa.Table, rows: np.ndarray) -> Columns:
        table = table.combine_chunks()
        data = _struct_fields(table)
        good = self._usual(table)
        parts = list(self._by_type(table, data, good))
        events = (
            pa.concat_tables([part.events for part in parts])
            if parts
            else DECODED.empty_table()
        )
        taken = (
            np.concatenate([part.left for part in parts])
            if parts
            else np.array([], int)
        )
        return Columns(events, np.delete(rows, taken))

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

    def _by_type(
        self, table: pa.Table, data: dict[str, pa.Array], good: np.ndarray
    ) -> Iterator[Columns]:
        """Accepted events a type; `left` holds their row numbers within `table`."""
        encoded = pc.dictionary_encode(table["type"].combine_chunks())
        codes = np.asarray(pc.fill_null(encoded.indices, -1))
        for code, name in enumerate(encoded.dictionary.to_pylist()):
            rule = self.plain.get(name)
            if rule is not None and rule.subject and 1 in rule.versions:
                rows = np.flatnonzero((codes == code) & good)
                yield self._of_type(name, rule, table, data, rows)

    def _of_type(
        self,
        name: str,
        rule: EventType,
        table: pa.Table,
        data: dict[str, pa.Array],
        rows: np.ndarray,
    ) -> Columns:
        rows = rows[_fits(rule, {field: one.take(rows) for field, one in data.items()})]
        times = table["time"].take(rows).combine_chunks().cast(_TIME)
        on_time = _mask(
            pc.and_(
                pc.greater_equal(times, pa.scalar(EARLIEST, _TIME)),
                pc.less_equal(times, pa.scalar(self.latest, _TIME)),
            )
        )
        rows, times = rows[on_time], times.filter(pa.array(on_time))
        chosen = {field: data[field].take(rows) for field in rule.data if field in data}
        events = pa.Table.from_arrays(
            [
                table["source"].take(rows),
                table["id"].take(rows),
                _same(name, len(rows)),
                _same(rule.function or "", len(rows)),
                table["subject"].take(rows),
                times,
                pa.nulls(len(rows), _TIME),
                pa.array(np.ones(len(rows), np.uint8)),
                _canonical(rule, chosen, len(rows)),
            ],
            schema=DECODED,
        )
        return Columns(events, rows)


def _one_object_a_line(chunk: bytes, lines: int) -> bool:
    """Every line starts with { and ends with }, so rows and lines cannot shift."""
    ends = chunk.startswith(b"{") and chunk.endswith(b"}")
    return ends and chunk.count(b"}\n{") == lines - 1


def _some_line_is_long(chunk: bytes) -> bool:
    """A line beyond the limit holds a whole half-sized block without a line's end."""
    half = MAX_EVENT_BYTES // 2
    starts = range(0, len(chunk) - half, half)
    return any(chunk.find(b"\n", start, start + half) < 0 for start in starts)


def _is_utf8(chunk: bytes) -> bool:
    try:
        return chunk.isascii() or bool(chunk.decode())
    except UnicodeDecodeError:
        return False


def _struct_fields(table: pa.Table) -> dict[str, pa.Array]:
    data = table["data"].combine_chunks()
    if not pa.types.is_struct(data.type):
        return {}
    return {field.name: pc.struct_field(data, field.name) for field in data.type}


def _short(text: pa.ChunkedArray) -> pa.ChunkedArray:
    length = pc.utf8_length(text)
    return pc.and_(pc.greater(length, 0), pc.less_equal(length, MAX_ID_LENGTH))


def _mask(check: pa.Array | pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(check, False), dtype=bool)


def _fits(rule: EventType, data: dict[str, pa.Array]) -> np.ndarray:
    """Rows whose data has what the type requires and nothing else."""
    checks = [
        _field_fits(rule.data[name], values)
        if name in rule.data
        else _mask(pc.is_null(values))
        for name, values in data.items()
    ]
    absent = [
        one for name, one in rule.data.items() if name not in data and one.required
    ]
    if absent:
        checks.append(np.zeros_like(checks[0] if checks else np.array([], bool)))
    return np.logical_and.reduce(checks) if checks else np.array([], bool)


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


def _canonical(rule: EventType, data: dict[str, pa.Array], rows: int) -> pa.Array:
    """What `ingest.decode.canonical` writes, for all rows of a type at once."""
    if not data:
        return _same("{}", rows)
    members = [_member(name, rule.data[name], data[name]) for name in sorted(data)]
    # Joined after an empty text, as rows without any member would be dropped.
    joined = pc.binary_join_element_wise("", *members, ",", null_handling="skip")
    inside = pc.utf8_ltrim(joined, ",")
    return pc.binary_join_element_wise("{", inside, "}", "")


def _member(name: str, rule: FieldRule, values: pa.Array) -> pa.Array:
    text = values.cast(pa.string())
    quote = '"' if rule.kind in {"one_of", "slug"} else ""
    return pc.binary_join_element_wise(f"{json.dumps(name)}:{quote}", text, quote, "")
