"""When people answered: a column of times to instants in UTC.

A time without an offset is a local time of the zone that the mapping names, else of
the study. An hour that the clock skips is read as if it had not been skipped
(02:30 is 03:30 then); of an hour that it repeats the first one counts (PEP 495,
fold=0). Both are shown as questions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timezone, tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

from panelstream.ingest.questions import Question, row_numbers
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import (
    ImportContext,
    ImportProblem,
    normalize_text,
)
from panelstream.ingest.surveys.written_times import (
    ORDERS,
    LocalTime,
    WrittenTime,
    is_serial_number,
    local_time,
    match_time,
    read_format,
    read_serial_number,
)
from panelstream.ingest.surveys.zone_offsets import SHARED_ABBREVIATIONS, find_offset
from panelstream.models.errors import FileError
from panelstream.models.timestamps import EARLIEST, LATEST

Cells = Sequence[tuple[int, str]]
"""A row's number and the text in its column of times."""

EXCEL = "excel"
"""Says in a mapping that times are numbers, as spreadsheets store them."""

_SKIPPED, _REPEATED, _DAY_ONLY = "skipped", "repeated", "day only"
_ODDITIES = {
    _SKIPPED: (
        "a local time in the hour that the clock skips; read as one hour later",
        "check the time zone, or write times with an offset",
    ),
    _REPEATED: (
        "a local time in the hour that the clock repeats; read as the first of the two",
        "check the time zone, or write times with an offset",
    ),
    _DAY_ONLY: (
        "a day without a time of day; read as the start of that day",
        "export times with hours and minutes if the order of answers matters",
    ),
}
_NOT_A_TIME = (
    "not a time; write 2027-01-31T09:30:00+09:00, "
    "or say in the mapping how times are written"
)
_SERIAL_NUMBER = (
    "not a time but a number, as spreadsheets store times; format the column as "
    "date and time and save again, or write times: excel in the mapping"
)

Text = TypeVar("Text")


@dataclass(frozen=True)
class Timestamps:
    """The times of a column."""

    by_row: Mapping[int, datetime]
    """In UTC, by row of the file."""
    outcomes: tuple[ImportProblem | Question, ...]
    """Rows without a time, and what is odd about times."""


@dataclass(frozen=True)
class _Instant:
    """An instant in UTC, and what was odd about its local time."""

    at: datetime
    oddity: str = ""


def parse_timestamps(
    export: Export, place: int, cells: Cells, context: ImportContext
) -> Timestamps:
    """The instant in each row, whatever its precision.

    The mapping says how times are written (`ORDERS`, `EXCEL`, a format of `strptime`),
    else the forms are recognised; whether days or months come first, the whole column
    decides. A row without a time is set apart. Raises `FileError` where no row has one,
    or where several readings are possible.
    """
    texts = {row: normalize_text(text).replace("\u2212", "-") for row, text in cells}
    column = _Column(export, place, context.zone)
    times = column.read(texts, context.mapping.times)
    instants = {row: at for row, time in times.items() if (at := column.at(row, time))}
    problems = [
        ImportProblem(row, column.name, _problem(text))
        for row, text in texts.items()
        if row not in instants
    ]
    if problems and not instants:
        raise column.error(problems[0].row, problems[0].problem)
    by_row = {row: instant.at for row, instant in instants.items()}
    return Timestamps(by_row, (*problems, *_questions(column.name, instants)))


@dataclass(frozen=True)
class _Column:
    """A column of times and the zone of those without an offset."""

    export: Export
    place: int
    zone: ZoneInfo

    @property
    def name(self) -> str:
        return self.export.column(self.place)

    def error(self, row: int, problem: str) -> FileError:
        return FileError(self.export.path, f"row {row}, {self.name}", problem)

    def read(self, texts: Mapping[int, str], form: str | None) -> dict[int, LocalTime]:
        """The local times of rows that have one."""
        if form == EXCEL:
            return _read_all(texts, read_serial_number)
        if form is not None and form not in ORDERS:
            return _read_all(texts, lambda text: read_format(text, form))
        matches = {row: match_time(text) for row, text in texts.items()}
        written = {row: match for row, match in matches.items() if match}
        if form is not None:
            return _read_all(written, lambda match: local_time(match, form))
        return self._read_in_one_order(written)

    def _read_in_one_order(
        self, written: Mapping[int, WrittenTime]
    ) -> dict[int, LocalTime]:
        """The whole column is in the only order in which each time is one."""
        by_order = {order: _read_in_order(written, order) for order in ORDERS}
        readable = {row for times in by_order.values() for row in times}
        complete = {k: times for k, times in by_order.items() if {*times} == readable}
        if not complete:
            problem = (
                "the order of day and month changes within the column; "
                "write all times in one way, the year first"
            )
            raise FileError(self.export.path, self.name, problem)
        first, *further = complete.values()
        if any(times != first for times in further):
            problem = (
                "day and month are ambiguous; write in the mapping "
                f"times: {' or times: '.join(complete)}"
            )
            raise FileError(self.export.path, self.name, problem)
        return first

    def at(self, row: int, time: LocalTime) -> _Instant | None:
        """The instant of a local time; None where its year or its zone is none."""
        if not EARLIEST.year <= time.clock.year < LATEST.year:
            return None
        if not time.zone:
            return _localized(time, self.zone)
        offset = self._offset(row, time)
        if offset is None:
            return None
        return _Instant(time.clock.replace(tzinfo=offset).astimezone(UTC))

    def _offset(self, row: int, time: LocalTime) -> tzinfo | None:
        offset = find_offset(time.zone, time.clock, self.zone)
        if offset is None and time.zone in SHARED_ABBREVIATIONS:
            problem = (
                "several time zones share this abbreviation; "
                "write the zone in the mapping, as timezone: Europe/London"
            )
            raise self.error(row, problem)
        return None if offset is None else timezone(offset)


def _read_in_order(
    written: Mapping[int, WrittenTime], order: str
) -> dict[int, LocalTime]:
    return _read_all(written, lambda match: local_time(match, order))


def _read_all(
    texts: Mapping[int, Text], read: Callable[[Text], LocalTime | None]
) -> dict[int, LocalTime]:
    return {row: time for row, text in texts.items() if (time := read(text))}


def _localized(time: LocalTime, zone: ZoneInfo) -> _Instant:
    first, second = (time.clock.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    at = first.astimezone(UTC)
    if not time.has_clock:
        return _Instant(at, _DAY_ONLY)
    if first.utcoffset() == second.utcoffset():
        return _Instant(at)
    exists = at.astimezone(zone).replace(tzinfo=None) == time.clock
    return _Instant(at, _REPEATED if exists else _SKIPPED)


def _problem(text: str) -> str:
    if not text:
        return "no time of the answer"
    return _SERIAL_NUMBER if is_serial_number(text) else _NOT_A_TIME


def _questions(column: str, instants: Mapping[int, _Instant]) -> Iterator[Question]:
    """A question for each oddity, with its rows."""
    for oddity, (problem, remedy) in _ODDITIES.items():
        rows = [row for row, instant in instants.items() if instant.oddity == oddity]
        if rows:
            yield Question(f"{row_numbers(rows)}, {column}", problem, remedy)
