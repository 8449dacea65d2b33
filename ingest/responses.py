"""Survey exports into the warehouse: raw coded answers of pseudonymous people.

A file is stored whole or not at all, but for rows of people who cannot be linked
and cells that are out of range: those are set apart and listed by place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from ingest import exports
from ingest.exports import Items
from ingest.importers import tables
from ingest.importers.mapping import SurveyMapping
from ingest.importers.survey import SetApart, SurveyRow, Understood
from ingest.pseudonymise import Pseudonyms
from models.errors import FileError
from models.instruments import Instrument
from models.store import Store
from models.study import Wave

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
class Imported:
    """What an import understood: rows stored, what was set apart, and the answers."""

    origin: str
    format: str
    wave: int
    responses: int
    answers: pa.Table
    set_apart: tuple[SetApart, ...]
    understood: Understood

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

    items: Items
    pseudonyms: Pseudonyms
    zone: ZoneInfo


def known(
    instruments: Sequence[Instrument], pseudonyms: Pseudonyms, zone: ZoneInfo
) -> Known:
    """What a study knows, of its instruments and its key."""
    return Known(exports.items_of(instruments), pseudonyms, zone)


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
    held = exports.read(path, wave, study.items, mapping, study.zone, links is not None)
    kept, again = _one_a_response(held.rows)
    checked = [
        one for row in kept for one in _check(row, wave, path.name, study, links)
    ]
    answers = [one for one in checked if isinstance(one, tuple)]
    wrong = [one for one in checked if isinstance(one, SetApart)]
    set_apart = sorted([*held.set_apart, *wrong, *again], key=lambda one: one.row)
    responses = len({(one[0], one[2]) for one in answers})
    form = held.understood.format
    table = _table(answers)
    return Imported(
        path.name, form, wave, responses, table, tuple(set_apart), held.understood
    )


def store(imported: Imported, warehouse: Store) -> None:
    """Store an import; storing it again changes nothing a reader sees."""
    if imported.answers.num_rows:
        warehouse.append_responses(imported.answers)


def read_links(path: Path) -> dict[str, str]:
    """Read a link file (`survey_id,platform_id`); it is never stored."""
    export = tables.read(path)
    survey_id = tables.column_of(export, "survey_id", "the link")
    platform_id = tables.column_of(export, "platform_id", "the link")
    links: dict[str, str] = {}
    for number, record in export.rows():
        known, platform = record[survey_id].strip(), record[platform_id].strip()
        if links.setdefault(known, platform) != platform:
            problem = "this survey id is linked to two people"
            raise FileError(path, f"row {number}", problem)
    return links


def _one_a_response(
    rows: Sequence[SurveyRow],
) -> tuple[list[SurveyRow], list[SetApart]]:
    """One row a response: two of a person and time would be taken for one and mixed."""
    kept: dict[tuple[str, datetime, str], SurveyRow] = {}
    for row in rows:
        kept.setdefault((row.person, row.responded_at, row.response_id), row)
    again = "a second row of the same person and time"
    return list(kept.values()), [
        SetApart(row.number, "row", again)
        for row in rows
        if kept[row.person, row.responded_at, row.response_id] is not row
    ]


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
            yield SetApart(row.rows.get(code, row.number), code, "out of range")
        else:
            name = instrument.instrument
            yield participant, wave, row.responded_at, name, item, answer, origin


def _table(answers: Sequence[Answer]) -> pa.Table:
    columns = zip(*answers, strict=True) if answers else [[] for _ in ANSWERS]
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, ANSWERS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=ANSWERS)
