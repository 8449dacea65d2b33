"""Whole chunks of unremarkable events to columns, at the speed of Arrow.

Only what the strict decoder would accept is accepted here; every row (or chunk)
that is in any way unusual is left to it. `tests/properties` compares the two.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from keyword import iskeyword

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from panelstream.ingest.events.splitting import UNREADABLE, is_utf8
from panelstream.ingest.events.strict_decoder import (
    ATTRIBUTES,
    MAX_EVENT_BYTES,
    MAX_ID_LENGTH,
    is_extension,
)
from panelstream.models.events.catalogue import Catalogue, EventType
from panelstream.models.events.event import DECODED
from panelstream.models.events.field_kinds import KINDS, ColumnarKind, FieldRule
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
_BLOCK_BYTES = 4 << 20
_SAMPLED_ROWS, _SAMPLED_NAMES = 100, 30
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NEWLINE, _OPEN, _CLOSE = b"\n{}"
_TIME = DECODED.field("occurred_at").type
_DATE = (
    r"(?:(?:19[7-9]\d|20\d\d)-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    r"|(?:19(?:7[26]|8[048]|9[26])|20(?:[02468][048]|[13579][26]))-02-29)"
)
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
_VISIBLE = r"[\p{L}\p{N}]"
"""A subject without a letter or digit may be blank: the strict decoder looks at it."""
_INSTANT = rf"^{_DATE}T{_CLOCK}(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$"
"""Times that are sure to exist, so that one which does not spoils no other's cast."""


@dataclass(frozen=True)
class DecodedColumns:
    """`events`: accepted events (`DECODED`); `strict_rows`: lines to decode strictly."""

    events: pa.Table
    strict_rows: np.ndarray


class ColumnDecoder:
    """Decodes chunks against a catalogue, as seen at `received_at` (UTC)."""

    def __init__(self, catalogue: Catalogue, received_at: datetime) -> None:
        self.catalogue = catalogue
        self.latest = received_at + FUTURE_TOLERANCE
        self.columnar_types = {
            name: event_type
            for name, event_type in catalogue.types.items()
            if all(
                isinstance(KINDS[rule.kind], ColumnarKind)
                for rule in event_type.data.values()
            )
        }

    def decode(self, chunk: bytes) -> DecodedColumns:
        """Decode a chunk of lines.

        Lines that Arrow cannot parse at all, and those with data fields that no type
        has, are set apart first, so that one bad line does not keep the others from
        being decoded here. Unknown names never become columns: each would take memory
        for every row.
        """
        lines = split_lines(chunk)
        selected = lines.braced & lines.short
        rows = np.flatnonzero(selected)
        table = self._parse(lines.text(selected), len(rows), unexpected="error")
        if table is None:
            envelope = self._envelope(_extension_names(lines, rows.tolist()))
            rows = rows[
                [_is_readable(lines.line(row), envelope) for row in rows.tolist()]
            ]
            selected = np.isin(np.arange(len(selected)), rows)
            table = self._parse(lines.text(selected), len(rows), unexpected="ignore")
        if table is None:
            return DecodedColumns(DECODED.empty_table(), np.arange(len(selected)))
        decoded = self._accept(table, rows)
        strict_rows = np.union1d(decoded.strict_rows, np.flatnonzero(~selected))
        return DecodedColumns(decoded.events, strict_rows)

    def _parse(self, text: bytes, lines: int, unexpected: str) -> pa.Table | None:
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
        return table if table.num_rows == lines and is_utf8(text) else None

    @cached_property
    def _schema(self) -> pa.Schema:
        fields = {
            name: arrow_type
            for name, kind in self.catalogue.field_kinds.items()
            if (arrow_type := kind.arrow_type()) is not None
        }
        schema = {name: pa.string() for name in _TEXT}
        schema |= {"schemaversion": pa.int64(), "data": pa.struct(fields)}
        return pa.schema(schema)

    def _envelope(self, extensions: Iterable[str]) -> msgspec.json.Decoder[object]:
        """Decodes events with these extensions, if they are texts, and no others."""
        fields = [
            (name, kind.python_type | None, None)
            for name, kind in self.catalogue.field_kinds.items()
            if isinstance(kind, ColumnarKind)
        ]
        data = msgspec.defstruct("Data", fields, forbid_unknown_fields=True, gc=False)
        attributes = [
            *((name, str | None, None) for name in _TEXT),
            ("schemaversion", int | None, None),
            ("data", data | None, None),
            *((name, str | None, None) for name in extensions),
        ]
        envelope = msgspec.defstruct(
            "Envelope", attributes, forbid_unknown_fields=True, gc=False
        )
        return msgspec.json.Decoder(envelope)

    def _accept(self, table: pa.Table, rows: np.ndarray) -> DecodedColumns:
        table = table.combine_chunks()
        types = table["type"].combine_chunks().dictionary_encode()
        fits, data = self._data(_struct_fields(table), types)
        accepted = fits & self._is_usual(table)
        times = _times(table["time"], accepted)
        accepted &= self._on_time(table["source"].combine_chunks(), times)
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
        return DecodedColumns(
            events if accepted.all() else events.filter(accepted), rows[~accepted]
        )

    def _function(self, name: str | None) -> str:
        rule = self.columnar_types.get(name or "")
        return (rule and rule.function) or ""

    def _is_usual(self, table: pa.Table) -> np.ndarray:
        checks = [
            pc.equal(table["specversion"], "1.0"),
            _short(table["id"]),
            pc.invert(pc.match_substring(table["id"], "@")),
            _short(table["subject"]),
            pc.match_substring_regex(table["subject"], _VISIBLE),
            pc.is_in(
                table["source"], pa.array(self.catalogue.accepted_sources, pa.string())
            ),
            pc.match_substring_regex(table["time"], _INSTANT),
            pc.is_null(table["senttime"]),
            pc.fill_null(pc.equal(table["schemaversion"], 1), True),
            pc.fill_null(pc.equal(table["datacontenttype"], "application/json"), True),
        ]
        return np.asarray(np.logical_and.reduce([_mask(check) for check in checks]))

    def _on_time(self, sources: pa.Array, times: pa.Array) -> np.ndarray:
        earliest, latest = pa.scalar(EARLIEST, _TIME), pa.scalar(self.latest, _TIME)
        corrected = self.catalogue.clocks.correct_columns(sources, times)
        return _mask(
            pc.and_(pc.greater_equal(times, earliest), pc.less_equal(corrected, latest))
        )

    def _data(
        self, data: Mapping[str, pa.Array], types: pa.DictionaryArray
    ) -> tuple[np.ndarray, pa.Array]:
        """Rows whose data has what their type requires, and the data as stored."""
        fits = np.zeros(len(types), bool)
        texts = pa.repeat(pa.scalar("{}", pa.string()), len(types))
        codes = np.asarray(pc.fill_null(types.indices, -1))
        absent = {name: _mask(pc.is_null(values)) for name, values in data.items()}
        for code, name in enumerate(types.dictionary.to_pylist()):
            rule = self.columnar_types.get(name)
            if rule is None or not rule.subject or 1 not in rule.versions:
                continue
            of_type = codes == code
            unexpected = [absent[name] for name in data if name not in rule.data]
            fits |= np.logical_and.reduce([of_type, *unexpected])
            if rule.data:
                fields = {field: data[field].filter(of_type) for field in rule.data}
                fits[of_type] &= _fits(rule, fields)
                texts = pc.replace_with_mask(texts, of_type, _json(rule, fields))
        return fits, texts


@dataclass(frozen=True)
class Lines:
    """Where the lines of a chunk are: from `starts` (included) to `stops` (not)."""

    chunk: bytes
    starts: np.ndarray
    stops: np.ndarray

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

    def text(self, selected: np.ndarray) -> bytes:
        """The selected lines; the chunk itself if that is all of them."""
        if selected.all():
            return self.chunk
        edges = np.flatnonzero(np.diff(selected, prepend=False, append=False))
        runs = edges.reshape(-1, 2)
        return b"\n".join(
            self.chunk[self.starts[start] : self.stops[stop - 1]]
            for start, stop in runs
        )


def split_lines(chunk: bytes) -> Lines:
    """The lines of a chunk; an empty one has one, which is empty."""
    ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == _NEWLINE)
    return Lines(chunk, np.append(0, ends + 1), np.append(ends, len(chunk)))


def _is_readable(line: bytes, envelope: msgspec.json.Decoder[object]) -> bool:
    try:
        envelope.decode(line)
    except UNREADABLE:
        return False
    return is_utf8(line)


def _extension_names(lines: Lines, rows: Iterable[int]) -> Sequence[str]:
    """Extension attributes that some lines have, as platforms send the same in all."""
    names: set[str] = set()
    for row in islice(rows, _SAMPLED_ROWS):
        with suppress(*UNREADABLE):
            names |= _MEMBERS.decode(lines.line(row)).keys()
    sound = [name for name in sorted(names - {*ATTRIBUTES}) if _can_be_field(name)]
    return sound[:_SAMPLED_NAMES]


def _can_be_field(name: str) -> bool:
    return is_extension(name, "") and name.isidentifier() and not iskeyword(name)


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


def _times(texts: pa.ChunkedArray, accepted: np.ndarray) -> pa.Array:
    """Instants of the accepted rows; null in the others, which might not parse."""
    parseable = texts.combine_chunks()
    if not accepted.all():
        parseable = pc.if_else(accepted, parseable, pa.scalar(None, pa.string()))
    return parseable.cast(_TIME)


def _fits(rule: EventType, data: Mapping[str, pa.Array]) -> np.ndarray:
    """Rows whose data has what the type requires, all in range."""
    fits = [_field_fits(rule.data[name], values) for name, values in data.items()]
    return np.asarray(np.logical_and.reduce(fits))


def _field_fits(rule: FieldRule, values: pa.Array) -> np.ndarray:
    fits = _mask(_columnar_kind(rule).arrow_check(values, rule))
    return fits if rule.required else fits | _mask(pc.is_null(values))


def _columnar_kind(rule: FieldRule) -> ColumnarKind:
    kind = KINDS[rule.kind]
    assert isinstance(kind, ColumnarKind)  # as of all fields of `columnar_types`
    return kind


def _json(rule: EventType, data: Mapping[str, pa.Array]) -> pa.Array:
    """What `strict_decoder.canonical_json` writes, for all rows of a type at once."""
    members = [_member(name, rule.data[name], data[name]) for name in sorted(data)]
    # Joined after an empty text, as rows without any member would be dropped.
    joined = pc.binary_join_element_wise("", *members, ",", null_handling="skip")
    inside = pc.utf8_ltrim(joined, ",")
    return pc.binary_join_element_wise("{", inside, "}", "")


def _member(name: str, rule: FieldRule, values: pa.Array) -> pa.Array:
    text = values.cast(pa.string())
    quote = '"' if _columnar_kind(rule).python_type is str else ""
    return pc.binary_join_element_wise(f"{json.dumps(name)}:{quote}", text, quote, "")
