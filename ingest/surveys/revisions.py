"""What an import adds to the answers that are stored: only what is new or has changed.

A response is identified by its tool's id, else by person and second. Its answers to one
instrument are a sheet; a sheet that differs from the stored one in any way is stored
again as a whole, and replaces it from then on. A response that comes again under
another wave moves there.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa

from panelstream.ingest.surveys.responses import ANSWERS, ImportedResponses
from panelstream.ingest.withdrawals import read_withdrawal_periods
from panelstream.models.study.consent import (
    CONSENT_INSTRUMENT,
    ConsentStatement,
    ConsentStatements,
    WithdrawalPeriods,
    is_withdrawn,
    parse_stored_answer,
)
from panelstream.models.warehouse.ledger import append_responses
from panelstream.models.warehouse.store import Store

AnswerRecord = Mapping[str, Any]
"""A row of `ANSWERS`."""
ResponseKey = tuple[bytes, str]
SheetKey = tuple[bytes, str, str]
Change = Literal["added", "changed", "moved", "unchanged"]
"""What an import does to a response."""


@dataclass(frozen=True)
class StoredSheet:
    """A sheet in the warehouse: its wave, and a hash of its content."""

    wave: int
    digest: str


@dataclass(frozen=True)
class ResponseRevision:
    """What an import adds: `answers` of sheets that are new or have changed."""

    answers: pa.Table
    responses: Mapping[Change, int]
    refused: int
    """Responses given after a withdrawal from collection: not stored."""


def plan_response_revision(
    imported: ImportedResponses, warehouse: Store, zone: ZoneInfo
) -> ResponseRevision:
    """Compare an import with the warehouse; stores nothing."""
    rows = imported.answers.to_pylist()
    withdrawn = read_withdrawal_periods(warehouse, zone, _consents(rows))
    refused = {_response_key(row) for row in rows if _is_refused(row, withdrawn)}
    accepted = [row for row in rows if _response_key(row) not in refused]
    sheets = _by_sheet(accepted)
    stored = _stored_sheets(warehouse, accepted)
    changes = {key: _change(sheet, stored.get(key)) for key, sheet in sheets.items()}
    answers = [
        row
        for key, sheet in sheets.items()
        if changes[key] != "unchanged"
        for row in sheet
    ]
    return ResponseRevision(
        pa.Table.from_pylist(answers, schema=ANSWERS),
        _count_responses(changes),
        len(refused),
    )


def store_response_revision(
    imported: ImportedResponses, revision: ResponseRevision, warehouse: Store
) -> str:
    """Store what is new, with a line in the ledger; returns the import's id."""
    summary = imported.summary
    ledger_row = {
        "origin": summary.origin,
        "sha256": summary.sha256,
        "format": summary.format,
        "encoding": summary.encoding,
        "timezone": summary.timezone,
        "coding": list(summary.coding.items()),
        "mapping": summary.mapping,
        "wave": imported.wave,
        "rows": summary.rows,
        "responses": imported.responses,
        "answers": imported.answers.num_rows,
        "added": revision.responses["added"],
        "changed": revision.responses["changed"],
        "moved": revision.responses["moved"],
        "refused": revision.refused,
        "set_apart": len(imported.set_apart),
    }
    return append_responses(warehouse, revision.answers, ledger_row)


def _consents(rows: Iterable[AnswerRecord]) -> ConsentStatements:
    """The consents among the answers: with one, a person comes back."""
    statements: dict[str, list[ConsentStatement]] = defaultdict(list)
    for row in rows:
        if row["instrument"] == CONSENT_INSTRUMENT and row["answer"]:
            consent = parse_stored_answer(
                row["responded_at"], row["item"], row["answer"]
            )
            statements[row["participant_id"].hex()].append(consent)
    return statements


def _is_refused(
    row: AnswerRecord, withdrawn: Mapping[bytes, WithdrawalPeriods]
) -> bool:
    return is_withdrawn(withdrawn.get(row["participant_id"], ()), row["responded_at"])


def _by_sheet(rows: Iterable[AnswerRecord]) -> dict[SheetKey, list[AnswerRecord]]:
    sheets: dict[SheetKey, list[AnswerRecord]] = defaultdict(list)
    for row in rows:
        sheets[*_response_key(row), row["instrument"]].append(row)
    return sheets


def _response_key(row: AnswerRecord) -> ResponseKey:
    second = str(int(row["responded_at"].timestamp()))
    return row["participant_id"], row["response"] or second


def _stored_sheets(
    warehouse: Store, rows: Iterable[AnswerRecord]
) -> dict[SheetKey, StoredSheet]:
    """The stored sheets, as far as they are about the items of the import."""
    items = sorted({(row["instrument"], row["item"]) for row in rows})
    digests = warehouse.query(
        "response_digests",
        instruments=[instrument for instrument, _ in items],
        items=[item for _, item in items],
    )
    return {
        (
            bytes.fromhex(row["participant_id"]),
            row["response"],
            row["instrument"],
        ): StoredSheet(row["wave"], row["digest"])
        for row in digests.to_pylist()
    }


def _change(rows: Sequence[AnswerRecord], stored: StoredSheet | None) -> Change:
    if stored is None:
        return "added"
    if stored.wave != rows[0]["wave"]:
        return "moved"
    return "unchanged" if stored.digest == _digest(rows) else "changed"


def _digest(rows: Iterable[AnswerRecord]) -> str:
    """The hash that `queries/response_digests.sql` makes of the same answers."""
    finished = {True: "true", False: "false", None: ""}
    lines = sorted(
        f"{row['item']}={row['answer']};{int(row['responded_at'].timestamp())};"
        f"{row['wave']};{finished[row['finished']]}"
        for row in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _count_responses(changes: Mapping[SheetKey, Change]) -> dict[Change, int]:
    """By response: moved if any sheet moved; added only if all its sheets are new."""
    by_response: dict[ResponseKey, set[Change]] = defaultdict(set)
    for (participant, response, _), change in changes.items():
        by_response[participant, response].add(change)
    counts = Counter(map(_change_of_response, by_response.values()))
    kinds: tuple[Change, ...] = ("added", "changed", "moved", "unchanged")
    return {kind: counts[kind] for kind in kinds}


def _change_of_response(sheets: set[Change]) -> Change:
    if len(sheets) == 1:
        return next(iter(sheets))
    return "moved" if "moved" in sheets else "changed"
