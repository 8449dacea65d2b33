"""Survey exports into the warehouse: raw coded answers of pseudonymous people.

A file is stored whole or not at all, but for rows of people who cannot be linked
and cells that are out of range: those are set apart and listed by place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from panelstream.ingest.pseudonymise import SEPARATOR, Pseudonyms
from panelstream.ingest.surveys import read_export
from panelstream.ingest.surveys.file_types import export_file
from panelstream.ingest.surveys.formats.importer import SetApart, SurveyRow, Understood
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.ingest.surveys.read_export import Items
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.study.consent import QUESTION, answered

Answer = tuple[bytes, str, int, datetime, str, str, str, bool | None, str]
"""One row of `ANSWERS`."""

ANSWERS = pa.schema(
    {
        "participant_id": pa.binary(16),
        "response": pa.string(),
        "wave": pa.uint16(),
        "responded_at": pa.timestamp("us", "UTC"),
        "instrument": pa.string(),
        "item": pa.string(),
        "answer": pa.string(),
        "finished": pa.bool_(),
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
    rows: Mapping[tuple[bytes, datetime], int]
    """By person and time the row of a response in the file."""

    def sent(self) -> pd.DataFrame:
        """participant_id, wave and responded_at of each response, and its row."""
        names = ["participant_id", "wave", "responded_at"]
        rows: pd.DataFrame = self.answers.select([*names, "response"]).to_pandas()
        rows = rows.drop_duplicates(["participant_id", "response", "responded_at"])
        people, times = rows["participant_id"], rows["responded_at"]
        rows["row"] = [self.rows[one] for one in zip(people, times, strict=True)]
        rows["participant_id"] = [one.hex() for one in people]
        return rows[[*names, "row"]].reset_index(drop=True)


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
    return Known(read_export.items_of(instruments), pseudonyms, zone)


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
    held = read_export.read(
        path, wave, study.items, mapping, study.zone, links is not None
    )
    kept, again = _one_a_response(held.rows, study)
    checked, places = list[Answer | SetApart](), dict[tuple[bytes, datetime], int]()
    for row in kept:
        for one in _check(row, wave, path.name, study, mapping, links):
            checked.append(one)
            if isinstance(one, tuple):
                places.setdefault((one[0], one[3]), row.number)
    answers = [one for one in checked if isinstance(one, tuple)]
    wrong = [one for one in checked if isinstance(one, SetApart)]
    set_apart = sorted([*held.set_apart, *wrong, *again], key=lambda one: one.row)
    responses = len({(one[0], one[1] or one[3]) for one in answers})
    form = held.understood.format
    table = _table(answers)
    return Imported(
        path.name,
        form,
        wave,
        responses,
        table,
        tuple(set_apart),
        held.understood,
        places,
    )


def read_links(path: Path) -> dict[str, str]:
    """Read a link file (`survey_id,platform_id`); it is never stored."""
    export = export_file.read(path)
    survey_id = export_file.column_of(export, "survey_id", "the link")
    platform_id = export_file.column_of(export, "platform_id", "the link")
    links: dict[str, str] = {}
    for number, record in export.rows():
        known, platform = record[survey_id].strip(), record[platform_id].strip()
        if links.setdefault(known, platform) != platform:
            problem = "this survey id is linked to two people"
            raise FileError(path, f"row {number}", problem)
    return links


def _one_a_response(
    rows: Sequence[SurveyRow], study: Known
) -> tuple[list[SurveyRow], list[SetApart]]:
    """One row a response and instrument: of two the answers would be mixed."""
    kept: dict[tuple[str, str, str], SurveyRow] = {}
    first: list[SurveyRow] = []
    again: list[SetApart] = []
    for row in rows:
        sent = row.response_id or _to_the_second(row.responded_at).isoformat()
        asked = {study.items[code][0].instrument for code in row.answers}
        keys = [(row.person, sent, name) for name in asked]
        if any(key in kept for key in keys):
            problem = "a second row of the same response"
            again.append(SetApart(row.number, "row", problem))
        else:
            kept |= dict.fromkeys(keys, row)
            first.append(row)
    return first, again


def _to_the_second(at: datetime) -> datetime:
    """Tools and events do not agree on less."""
    return at.replace(microsecond=0)


def _check(
    row: SurveyRow,
    wave: int,
    origin: str,
    study: Known,
    mapping: SurveyMapping,
    links: Mapping[str, str] | None,
) -> Iterator[Answer | SetApart]:
    person = row.person if links is None else links.get(row.person, "")
    if not person:
        unknown = links is not None and row.person
        problem = "not in the link file" if unknown else "no platform id"
        yield SetApart(row.number, "person", problem)
        return
    participant, at = study.pseudonyms.of(person), _to_the_second(row.responded_at)
    response = _response(row, study.pseudonyms)
    for code, answer in row.answers.items():
        instrument, item = study.items[code]
        if answer and not instrument.accepts(item, answer):
            yield SetApart(row.rows.get(code, row.number), code, "out of range")
        else:
            name, said = instrument.instrument, row.finished
            if instrument is QUESTION and mapping.consent:
                agreed = mapping.consent
                name, item, answer = answered(agreed.version, agreed.scopes, answer)
            yield participant, response, wave, at, name, item, answer, said, origin


def _response(row: SurveyRow, pseudonyms: Pseudonyms) -> str:
    """What a response is known by, if its tool gives it an id: a keyed hash of that."""
    own = row.response_id
    return pseudonyms.of(f"response{SEPARATOR.decode()}{own}").hex() if own else ""


def _table(answers: Sequence[Answer]) -> pa.Table:
    columns = zip(*answers, strict=True) if answers else [[] for _ in ANSWERS]
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, ANSWERS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=ANSWERS)
