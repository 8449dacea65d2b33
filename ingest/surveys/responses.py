"""Survey exports into the warehouse: raw coded answers of pseudonymous people.

A file is stored whole or not at all, but for rows of people who cannot be linked
and cells that are out of range: those are set apart and listed by place.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from panelstream.ingest.pseudonymise import SEPARATOR, Pseudonyms
from panelstream.ingest.surveys.formats.importer import (
    ImportProblem,
    ImportSummary,
    Items,
    SurveyRow,
)
from panelstream.ingest.surveys.links import hash_links
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.ingest.surveys.read_export import (
    items_by_column,
    read_survey_export,
)
from panelstream.ingest.surveys.sheets import (
    ResponseKey,
    Sheet,
    collect_sheets,
    response_key,
)
from panelstream.models.instruments.consent_question import CONSENT_QUESTION
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.study.consent import stored_answer
from panelstream.models.study.study import Wave


class AnswerRow(NamedTuple):
    """One row of `ANSWERS`."""

    participant_id: bytes
    response: str
    wave: int
    responded_at: datetime
    instrument: str
    item: str
    answer: str
    finished: bool | None
    origin: str


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
class ItemCounts:
    """The cells of an item: with an answer, without one, and set apart."""

    answered: int = 0
    missing: int = 0
    apart: int = 0


@dataclass(frozen=True)
class ImportedResponses:
    """What an export says: answers as they are stored, and what is set apart."""

    summary: ImportSummary
    wave: int | None
    """Wave that was named; None: the file tells the wave of each row."""
    answers: pa.Table
    """Rows of `ANSWERS`."""
    set_apart: tuple[ImportProblem, ...]
    file_rows: Mapping[ResponseKey, int]
    """The row in the file at which a response begins."""
    item_counts: Mapping[str, ItemCounts]
    """By column code."""
    not_asked: tuple[str, ...]
    """Column codes that the file lacks, of instruments of which it has others."""
    unscored: tuple[str, ...] = ()
    """Those of them that a score needs."""
    similar_ids: Mapping[bytes, bytes] = field(default_factory=dict)
    """By person the hash that ids have that are nearly the same."""
    told_by_file: bool = False
    """Whether the file tells the wave of each row."""
    links: str = ""
    """Hash of the links that were used; empty: none."""

    @cached_property
    def sheets(self) -> tuple[Sheet, ...]:
        """The answers by response and questionnaire."""
        return tuple(collect_sheets(self.answers.to_pylist()))

    @cached_property
    def responses(self) -> int:
        """How many responses there are."""
        return len({sheet.key for sheet in self.sheets})

    @cached_property
    def people(self) -> int:
        """How many people answered."""
        return len({sheet.participant_id for sheet in self.sheets})

    @cached_property
    def waves(self) -> tuple[int, ...]:
        """The waves that were answered, in order."""
        return tuple(sorted({sheet.wave for sheet in self.sheets}))

    def response_times(self) -> pd.DataFrame:
        """participant_id, wave and responded_at of each response, and its row."""
        responses = {sheet.key: sheet for sheet in self.sheets}.values()
        rows = [
            (
                sheet.participant_id.hex(),
                sheet.wave,
                sheet.responded_at,
                self.file_rows[sheet.key],
            )
            for sheet in responses
        ]
        names = pd.Index(["participant_id", "wave", "responded_at", "row"])
        times = pd.DataFrame(rows, columns=names)
        # Without a row there is nothing that tells pandas the types.
        types = {"participant_id": "str", "responded_at": "datetime64[us, UTC]"}
        return times.astype({**types, "wave": "int64", "row": "int64"})


@dataclass(frozen=True)
class StudyContext:
    """What of a study an import needs: items by column code, people, time zone, waves."""

    items: Items
    pseudonyms: Pseudonyms
    zone: ZoneInfo
    waves: tuple[Wave, ...] = ()


def study_context(
    instruments: Sequence[Instrument],
    pseudonyms: Pseudonyms,
    zone: ZoneInfo,
    waves: Sequence[Wave] = (),
) -> StudyContext:
    """What an import needs of a study that asks these instruments in these waves."""
    return StudyContext(items_by_column(instruments), pseudonyms, zone, tuple(waves))


def read_responses(
    path: Path,
    wave: int | None,
    study: StudyContext,
    mapping: SurveyMapping,
    links: Mapping[str, str] | None,
) -> ImportedResponses:
    """Read an export without storing anything.

    `links` maps survey ids to platform ids; without it people are identified by their
    platform id. Raises `FileError` with place and remedy.
    """
    export = read_survey_export(
        path, wave, study.items, mapping, study.zone, links is not None, study.waves
    )
    rows, repeated = _first_rows(export.rows, study)
    checked = [
        (row.number, outcome)
        for row in rows
        for outcome in _check_row(row, wave, path.name, study, mapping, links)
    ]
    answers = [(number, a) for number, a in checked if isinstance(a, AnswerRow)]
    invalid = [problem for _, problem in checked if isinstance(problem, ImportProblem)]
    problems = (*export.set_apart, *invalid, *repeated)
    not_asked = _items_not_asked(rows, study.items)
    return ImportedResponses(
        summary=export.summary,
        wave=wave,
        answers=_table([answer for _, answer in answers]),
        set_apart=tuple(sorted(problems, key=lambda problem: problem.row)),
        file_rows=_file_rows(answers),
        item_counts=_count_items(rows, invalid, study.items),
        not_asked=not_asked,
        unscored=tuple(code for code in not_asked if _is_scored(code, study.items)),
        similar_ids=_similar_ids(rows, study.pseudonyms, links),
        told_by_file=export.tells_waves,
        links="" if links is None else hash_links(links, study.pseudonyms),
    )


def _file_rows(answers: Sequence[tuple[int, AnswerRow]]) -> dict[ResponseKey, int]:
    """By response the row at which it begins."""
    rows: dict[ResponseKey, int] = {}
    for number, answer in answers:
        rows.setdefault(response_key(answer._asdict()), number)
    return rows


def _first_rows(
    rows: Sequence[SurveyRow], study: StudyContext
) -> tuple[list[SurveyRow], list[ImportProblem]]:
    """One row a response and instrument: of two the answers would be mixed."""
    keys: set[tuple[str, int | None, str, str]] = set()
    first: list[SurveyRow] = []
    repeated: list[ImportProblem] = []
    for row in rows:
        response = row.response_id or _to_the_second(row.responded_at).isoformat()
        names = {study.items[code][0].instrument for code in row.answers}
        row_keys = {(row.person, row.wave, response, name) for name in names}
        if row_keys & keys:
            problem = "a second row of the same response"
            repeated.append(ImportProblem(row.number, "row", problem))
        else:
            keys |= row_keys
            first.append(row)
    return first, repeated


def _count_items(
    rows: Sequence[SurveyRow], invalid: Sequence[ImportProblem], items: Items
) -> dict[str, ItemCounts]:
    """What stands in the cells of each item, in the order of the instruments."""
    apart = {(problem.row, problem.column) for problem in invalid}
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for code, answer in row.answers.items():
            if (row.rows.get(code, row.number), code) in apart:
                counts[code, "apart"] += 1
            else:
                counts[code, "answered" if answer else "missing"] += 1
    codes = {code for code, _ in counts}
    return {
        code: ItemCounts(
            counts[code, "answered"], counts[code, "missing"], counts[code, "apart"]
        )
        for code in items
        if code in codes
    }


def _items_not_asked(rows: Sequence[SurveyRow], items: Items) -> tuple[str, ...]:
    """Items that the file lacks, of the instruments of which it has others."""
    present = {code for row in rows for code in row.answers}
    instruments = {items[code][0].instrument for code in present}
    return tuple(
        code
        for code, (instrument, _) in items.items()
        if instrument.instrument in instruments
        and instrument is not CONSENT_QUESTION
        and code not in present
    )


def _is_scored(code: str, items: Items) -> bool:
    instrument, item = items[code]
    return any(item in scale.items for scale in instrument.scales)


def _similar_ids(
    rows: Sequence[SurveyRow], pseudonyms: Pseudonyms, links: Mapping[str, str] | None
) -> dict[bytes, bytes]:
    ids = {row.person if links is None else links.get(row.person, "") for row in rows}
    return {
        pseudonyms.participant_id(person): pseudonyms.similar_id(person)
        for person in ids - {""}
    }


def _to_the_second(at: datetime) -> datetime:
    """Tools and events do not agree on less."""
    return at.replace(microsecond=0)


def _check_row(
    row: SurveyRow,
    wave: int | None,
    origin: str,
    study: StudyContext,
    mapping: SurveyMapping,
    links: Mapping[str, str] | None,
) -> Iterator[AnswerRow | ImportProblem]:
    person = row.person if links is None else links.get(row.person, "")
    if not person:
        unknown = links is not None and row.person
        problem = "not in the link file" if unknown else "no platform id"
        yield ImportProblem(row.number, "person", problem)
        return
    participant, at = (
        study.pseudonyms.participant_id(person),
        _to_the_second(row.responded_at),
    )
    response = _response(row, study.pseudonyms)
    row_wave = row.wave if row.wave is not None else wave
    if row_wave is None:
        raise ValueError("a row without a wave in an import without one")
    for code, answer in row.answers.items():
        instrument, item = study.items[code]
        if answer and not instrument.accepts(item, answer):
            # It was asked, and there is no usable answer: as if left blank.
            yield ImportProblem(row.rows.get(code, row.number), code, "out of range")
            answer = ""
        name, finished = instrument.instrument, row.finished
        if instrument is CONSENT_QUESTION and mapping.consent:
            consent = mapping.consent
            name, item, answer = stored_answer(consent.version, consent.scopes, answer)
        yield AnswerRow(
            participant, response, row_wave, at, name, item, answer, finished, origin
        )


def _response(row: SurveyRow, pseudonyms: Pseudonyms) -> str:
    """A keyed hash of the tool's id of the response; empty where it has none."""
    if not row.response_id:
        return ""
    return pseudonyms.participant_id(
        f"response{SEPARATOR.decode()}{row.response_id}"
    ).hex()


def _table(answers: Sequence[AnswerRow]) -> pa.Table:
    columns = zip(*answers, strict=True) if answers else [[] for _ in ANSWERS]
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, ANSWERS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=ANSWERS)
