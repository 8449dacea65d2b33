"""Survey exports into the warehouse: raw coded answers of pseudonymous people.

A file is stored whole or not at all, but for rows of people who cannot be linked
and cells that are out of range: those are set apart and listed by place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pyarrow as pa

from ingest.importers import google_forms, plain, survey
from ingest.importers.survey import Export, SurveyMapping, SurveyRow
from ingest.pseudonymise import Pseudonyms
from models.errors import FileError
from models.instruments import Instrument
from models.store import Store
from models.study import Wave

FORMATS: dict[survey.Format, ModuleType] = {
    "google_forms": google_forms,
    "plain": plain,
}
"""In the order in which they are tried on a file."""

Answer = tuple[bytes, int, datetime, str, str, str, str]
"""One row of `ANSWERS`."""

ANSWERS = pa.schema(
    {
        "participant_id": pa.binary(16),
        "wave": pa.uint16(),
        "responded_at": pa.timestamp("us", "UTC"),
        "instrument": pa.string(),
        "item": pa.string(),
        "answer": pa.string(),
        "origin": pa.string(),
    }
)


@dataclass(frozen=True)
class SetApart:
    """A row or a cell that is not stored, by place and never by value."""

    row: int
    column: str
    problem: str


@dataclass(frozen=True)
class Imported:
    """What an import understood: rows stored, what was set apart, and the answers."""

    origin: str
    format: str
    wave: int
    responses: int
    answers: pa.Table
    set_apart: tuple[SetApart, ...]

    def outside(self, wave: Wave, zone: ZoneInfo) -> int:
        """How many responses were sent on days on which the wave was not open."""
        if wave.opens_on is None or wave.closes_on is None:
            return 0
        sent = {
            (row["participant_id"], row["responded_at"].astimezone(zone).date())
            for row in self.answers.select(
                ["participant_id", "responded_at"]
            ).to_pylist()
        }
        return sum(not wave.opens_on <= day <= wave.closes_on for _, day in sent)


@dataclass(frozen=True)
class Known:
    """What the study knows: its items by column code, and who its people are."""

    items: Mapping[str, tuple[Instrument, str]]
    pseudonyms: Pseudonyms
    zone: ZoneInfo


def known(
    instruments: Sequence[Instrument], pseudonyms: Pseudonyms, zone: ZoneInfo
) -> Known:
    """Items by their code, delivered scales by their score's name."""
    items = {item.code: (one, item.code) for one in instruments for item in one.items}
    for one in instruments:
        for scale in one.scales:
            if scale.delivered:
                items[f"{one.instrument}_{scale.code}"] = (one, scale.code)
    return Known(items, pseudonyms, zone)


def read(
    path: Path,
    wave: int,
    study: Known,
    mapping: SurveyMapping,
    links: Mapping[str, str] | None,
) -> Imported:
    """Read an export without storing anything.

    `links` maps survey ids to platform ids; without it people are known by their
    platform id. Raises `FileError` with place and remedy.
    """
    export = survey.read_csv(path)
    form = mapping.format or _detect(export)
    zone = ZoneInfo(mapping.timezone) if mapping.timezone else study.zone
    rows = list(FORMATS[form].rows(export, mapping, list(study.items), zone))
    checked = [
        one
        for row in _first_of_a_time(rows)
        for one in _check(row, wave, path.name, study, links)
    ]
    checked += _later_of_a_time(rows)
    answers = [one for one in checked if isinstance(one, tuple)]
    set_apart = tuple(one for one in checked if isinstance(one, SetApart))
    responses = len({(one[0], one[2]) for one in answers})
    return Imported(path.name, form, wave, responses, _table(answers), set_apart)


def store(imported: Imported, warehouse: Store) -> None:
    """Store an import; storing it again changes nothing a reader sees."""
    if imported.answers.num_rows:
        warehouse.append_responses(imported.answers)


def read_links(path: Path) -> dict[str, str]:
    """Read a link file (`survey_id,platform_id`); it is never stored."""
    export = survey.read_csv(path)
    survey_id = survey.column_of(export, "survey_id", "the link")
    platform_id = survey.column_of(export, "platform_id", "the link")
    links: dict[str, str] = {}
    for number, record in enumerate(export.records, start=2):
        if any(record):
            known, platform = record[survey_id].strip(), record[platform_id].strip()
            if links.setdefault(known, platform) != platform:
                problem = "this survey id is linked to two people"
                raise FileError(path, f"row {number}", problem)
    return links


def _first_of_a_time(rows: Sequence[SurveyRow]) -> list[SurveyRow]:
    """One row a person and time: two would be taken for one response and mixed."""
    return list({_sent(row): row for row in reversed(rows)}.values())[::-1]


def _later_of_a_time(rows: Sequence[SurveyRow]) -> list[SetApart]:
    kept = {row.number for row in _first_of_a_time(rows)}
    again = "a second row of the same person and time"
    return [
        SetApart(row.number, "row", again) for row in rows if row.number not in kept
    ]


def _sent(row: SurveyRow) -> tuple[str, datetime, str]:
    return row.person, row.responded_at, row.response_id


def _detect(export: Export) -> survey.Format:
    return next(name for name, one in FORMATS.items() if one.recognises(export))


def _check(
    row: SurveyRow,
    wave: int,
    origin: str,
    study: Known,
    links: Mapping[str, str] | None,
) -> Iterator[Answer | SetApart]:
    person = row.person if links is None else links.get(row.person, "")
    if not person:
        yield SetApart(row.number, "person", "no platform id")
        return
    participant = study.pseudonyms.of(person)
    for code, answer in row.answers.items():
        instrument, item = study.items[code]
        if answer and not instrument.accepts(item, answer):
            yield SetApart(row.number, code, "out of range")
        else:
            name = instrument.instrument
            yield participant, wave, row.responded_at, name, item, answer, origin


def _table(answers: Sequence[Answer]) -> pa.Table:
    columns = zip(*answers, strict=True) if answers else [[] for _ in ANSWERS]
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, ANSWERS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=ANSWERS)
