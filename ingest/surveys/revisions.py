"""What an import changes: a reading of a source replaces the reading before as a whole.

A reading states sheets. Those that are not stored yet are stored with it; which of all
sheets hold, the warehouse derives from the newest reading of each source.
"""

import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args
from zoneinfo import ZoneInfo

import pyarrow as pa

from panelstream.ingest.surveys import sources
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.ingest.surveys.responses import ANSWERS, ImportedResponses
from panelstream.ingest.surveys.sheets import AnswerRecord, ResponseKey, Sheet
from panelstream.ingest.surveys.sources import TOLD_BY_FILE, ExportState, Source
from panelstream.ingest.withdrawals import derive_withdrawal_periods
from panelstream.models.study.consent import (
    CONSENT_INSTRUMENT,
    ConsentStatement,
    ConsentStatements,
    WithdrawalPeriods,
    is_withdrawn,
    parse_stored_answer,
)
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.ledger import append_reading
from panelstream.models.warehouse.merges import Merges
from panelstream.models.warehouse.store import Store

Change = Literal["new", "revised", "moved", "unchanged", "gone"]
"""What an import does to a response. `moved`: to another wave or person."""

_SHEET_ROWS = pa.schema([*ANSWERS, pa.field("sheet", pa.binary(16))])
_READING = pa.schema(
    {
        "reading": pa.binary(16),
        "participant_id": pa.binary(16),
        "sheet": pa.binary(16),
        "content": pa.binary(16),
        "response": pa.string(),
        "wave": pa.uint16(),
        "responded_at": pa.timestamp("us", "UTC"),
        "instrument": pa.string(),
    }
)


@dataclass(frozen=True)
class WaveChange:
    """A response that was in another wave in the previous reading."""

    previous: Sheet
    current: Sheet


@dataclass(frozen=True)
class ResponseRevision:
    """A reading, and what it changes in the source of which it is the state.

    `selection`: the wave of which it speaks; 0: all that the source holds.
    """

    source: Source
    selection: int
    sheets: tuple[Sheet, ...]
    changes: Mapping[Change, int]
    wave_changes: tuple[WaveChange, ...]
    refused: int
    """Responses given after a withdrawal from collection: not stored."""
    replaces: Source | None
    """The source as it is before the import; None: there is none."""

    @property
    def reading(self) -> bytes:
        """The hash (16 bytes) of all that is stated."""
        digests = sorted(sheet.digest for sheet in self.sheets)
        return hashlib.sha256(b"".join(digests)).digest()[:16]

    @property
    def is_news(self) -> bool:
        """Whether anything is other than before."""
        return any(
            self.changes[change] for change in ("new", "revised", "moved", "gone")
        )


def read_sources(warehouse: Store) -> list[Source]:
    """The sources that hold something, with their sheets."""
    rows = warehouse.query("standing_sources").to_pylist()
    keys = [row["source"] for row in rows]
    by_source: dict[str, list[Sheet]] = defaultdict(list)
    stated = warehouse.query("standing_sheets", sources=keys, as_of=LATEST)
    for row in stated.to_pylist():
        by_source[row.pop("source")].append(Sheet(**row))
    return [sources.source_of_row(row, by_source[row["source"]]) for row in rows]


def plan_response_revision(
    path: Path,
    imported: ImportedResponses,
    selection: int,
    mapping: SurveyMapping,
    standing: Sequence[Source],
    withdrawn: Mapping[bytes, WithdrawalPeriods],
) -> ResponseRevision:
    """Compare an export with the source of which it is the state; stores nothing.

    `standing`: the sources that hold something. Raises `FileError` where it is not
    certain which of them the export is.
    """
    accepted, refused = _without_refused(imported.sheets, withdrawn)
    state = _state(path, imported, mapping, accepted)
    export = ExportState(path, state, mapping.parts or mapping.source is not None)
    source = sources.find_source(export, standing)
    key = source.key if source else sources.new_key(state, standing)
    sheets = tuple(sheet.of_source(key) for sheet in accepted)
    replaced, others = _split_replaced(
        source.sheets if source else (), sheets, selection
    )
    changes, wave_changes = _compare(sheets, replaced)
    return ResponseRevision(
        source=replace(state, key=key, sheets=(*others, *sheets)),
        selection=selection,
        sheets=sheets,
        changes=changes,
        wave_changes=wave_changes,
        refused=refused,
        replaces=source,
    )


def derive_withdrawn(
    imported: ImportedResponses,
    stored: ConsentStatements,
    zone: ZoneInfo,
    merges: Merges,
) -> Mapping[bytes, WithdrawalPeriods]:
    """When nothing of people is taken; a consent in the export itself ends that."""
    arriving: dict[str, list[ConsentStatement]] = defaultdict(list)
    for sheet in imported.sheets:
        person = merges.person(sheet.participant_id).hex()
        arriving[person] += consent_statements(sheet.rows)
    return derive_withdrawal_periods(stored, arriving, zone, merges)


def consent_statements(rows: Iterable[AnswerRecord]) -> list[ConsentStatement]:
    """What a response says about consent, if it was asked."""
    return [
        parse_stored_answer(row["responded_at"], row["item"], row["answer"])
        for row in rows
        if row["instrument"] == CONSENT_INSTRUMENT and row["answer"]
    ]


def store_response_revision(
    imported: ImportedResponses, revision: ResponseRevision, warehouse: Store
) -> str:
    """Store a reading, with a line in the ledger; returns the import's id.

    Only sheets that are not stored yet are; a reading that is stored is only named.
    """
    return append_reading(
        warehouse,
        _rows_to_store(revision, warehouse),
        _statements_to_store(revision, warehouse),
        _ledger_row(imported, revision),
    )


def _state(
    path: Path,
    imported: ImportedResponses,
    mapping: SurveyMapping,
    sheets: Sequence[Sheet],
) -> Source:
    """The export as a source that is not recognised yet."""
    summary = imported.summary
    return Source(
        key="",
        name=mapping.source or path.stem,
        wave=TOLD_BY_FILE if imported.told_by_file else imported.wave or 0,
        format=summary.format,
        header=summary.header,
        files=frozenset({summary.sha256}),
        origin=summary.origin,
        items=frozenset(imported.item_counts),
        sheets=tuple(sheets),
    )


def _split_replaced(
    standing: Sequence[Sheet], sheets: Sequence[Sheet], selection: int
) -> tuple[list[Sheet], list[Sheet]]:
    """The standing sheets of a source that an import takes the place of, and the others.

    It takes the place of those of its wave, and of those of its responses wherever
    they stand.
    """
    responses = {sheet.response for sheet in sheets if sheet.response}
    replaced, others = list[Sheet](), list[Sheet]()
    for sheet in standing:
        is_replaced = selection in (0, sheet.wave) or sheet.response in responses
        (replaced if is_replaced else others).append(sheet)
    return replaced, others


def _without_refused(
    sheets: Iterable[Sheet], withdrawn: Mapping[bytes, WithdrawalPeriods]
) -> tuple[list[Sheet], int]:
    """The sheets that are taken, and how many responses are not."""
    accepted, refused = [], set()
    for sheet in sheets:
        if is_withdrawn(withdrawn.get(sheet.participant_id, ()), sheet.responded_at):
            refused.add(sheet.key)
        else:
            accepted.append(sheet)
    return [sheet for sheet in accepted if sheet.key not in refused], len(refused)


Responses = dict[ResponseKey, list[Sheet]]


def _compare(
    current: Iterable[Sheet], previous: Iterable[Sheet]
) -> tuple[dict[Change, int], tuple[WaveChange, ...]]:
    """Responses by what became of them.

    Without an id, a response at another time, of another person or in another wave is
    recognised by what else is the same: answers and person, answers and wave, or the
    person's one other response in the wave. Two ids are two responses.
    """
    new, old = _by_response(current), _by_response(previous)
    pairs = [(old.pop(key), new.pop(key)) for key in list(new) if key in old]
    for feature in (_person_and_answers, _wave_and_answers, _person_and_wave):
        pairs += _pair_off(old, new, feature)
    counts: Counter[Change] = Counter(
        map(_change, *zip(*pairs, strict=True)) if pairs else ()
    )
    counts.update({"new": len(new), "gone": len(old)})
    wave_changes = tuple(
        WaveChange(first[0], second[0])
        for first, second in pairs
        if first[0].wave != second[0].wave
    )
    return {change: counts[change] for change in get_args(Change)}, wave_changes


def _by_response(sheets: Iterable[Sheet]) -> Responses:
    by_response: Responses = defaultdict(list)
    for sheet in sheets:
        by_response[sheet.key].append(sheet)
    return dict(by_response)


def _pair_off(
    old: Responses, new: Responses, feature: Callable[[Sequence[Sheet]], Hashable]
) -> list[tuple[list[Sheet], list[Sheet]]]:
    """Pairs of responses with the same feature, in the order of time; both are used up."""
    waiting: dict[tuple[Hashable, bool], deque[ResponseKey]] = defaultdict(deque)
    for key, sheets in sorted(old.items(), key=_second_of_entry):
        waiting[feature(sheets), bool(key[0])].append(key)
    pairs = []
    for key, sheets in sorted(new.items(), key=_second_of_entry):
        same = feature(sheets)
        queues = [waiting[same, False], *([] if key[0] else [waiting[same, True]])]
        filled = [queue for queue in queues if queue]
        if filled:
            earliest = min(filled, key=lambda queue: old[queue[0]][0].second)
            pairs.append((old.pop(earliest.popleft()), new.pop(key)))
    return pairs


def _second_of_entry(entry: tuple[ResponseKey, Sequence[Sheet]]) -> int:
    return entry[1][0].second


def _person_and_answers(sheets: Sequence[Sheet]) -> Hashable:
    return sheets[0].participant_id, frozenset(sheet.content for sheet in sheets)


def _wave_and_answers(sheets: Sequence[Sheet]) -> Hashable:
    return sheets[0].wave, frozenset(sheet.content for sheet in sheets)


def _person_and_wave(sheets: Sequence[Sheet]) -> Hashable:
    return sheets[0].participant_id, sheets[0].wave


def _change(previous: Sequence[Sheet], current: Sequence[Sheet]) -> Change:
    if _person_and_wave(previous) != _person_and_wave(current):
        return "moved"
    digests = {sheet.digest for sheet in previous}
    return "unchanged" if digests == {s.digest for s in current} else "revised"


def _rows_to_store(revision: ResponseRevision, warehouse: Store) -> pa.Table:
    """The answers of sheets that no import of the source has stored."""
    rows = warehouse.query("stored_sheets", source=revision.source.key).to_pylist()
    stored = {bytes.fromhex(row["sheet"]) for row in rows}
    records = [
        {**row, "response": sheet.response, "sheet": sheet.digest}
        for sheet in revision.sheets
        if sheet.digest not in stored
        for row in sheet.rows
    ]
    return pa.Table.from_pylist(records, schema=_SHEET_ROWS)


def _statements_to_store(revision: ResponseRevision, warehouse: Store) -> pa.Table:
    """Which sheets the reading states, unless an import has said so before."""
    reading = revision.reading
    [row] = warehouse.query("stored_readings", reading=reading.hex()).to_pylist()
    records = [
        {
            "reading": reading,
            "participant_id": sheet.participant_id,
            "sheet": sheet.digest,
            "content": sheet.content,
            "response": sheet.response,
            "wave": sheet.wave,
            "responded_at": sheet.responded_at,
            "instrument": sheet.instrument,
        }
        for sheet in revision.sheets
        if not row["readings"]
    ]
    return pa.Table.from_pylist(records, schema=_READING)


def _ledger_row(
    imported: ImportedResponses, revision: ResponseRevision
) -> dict[str, object]:
    summary, changes = imported.summary, revision.changes
    return {
        "source": revision.source.key,
        "name": revision.source.name,
        "selection": revision.selection,
        "reading": revision.reading,
        "origin": summary.origin,
        "sha256": summary.sha256,
        "header": summary.header,
        "format": summary.format,
        "encoding": summary.encoding,
        "timezone": summary.timezone,
        "coding": list(summary.coding.items()),
        "mapping": summary.mapping,
        "links": imported.links,
        "items": sorted(imported.item_counts),
        "wave": revision.source.wave,
        "rows": summary.rows,
        "people": imported.people,
        "responses": imported.responses,
        "answers": imported.answers.num_rows,
        "added": changes["new"],
        "changed": changes["revised"],
        "moved": changes["moved"],
        "unchanged": changes["unchanged"],
        "gone": changes["gone"],
        "refused": revision.refused,
        "set_apart": len(imported.set_apart),
    }
