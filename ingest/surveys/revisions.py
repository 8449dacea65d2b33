"""What an import adds to the answers that are known: only what is new or has changed.

A response is known by its tool's id, else by person and second. Its answers to one
instrument are a sheet; a sheet that says anything other than what holds is stored
again as a whole, and holds from then on. A response that comes again under another
wave moves there.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa

from panelstream.ingest.events.pipeline import gone
from panelstream.ingest.surveys.responses import ANSWERS, Imported
from panelstream.models.study.consent import (
    INSTRUMENT,
    Gone,
    Statement,
    Statements,
    is_gone,
    statement,
)
from panelstream.models.warehouse.store import Store

Row = Mapping[str, Any]
Response = tuple[bytes, str]
Sheet = tuple[bytes, str, str]
News = Literal["added", "changed", "moved", "unchanged"]
"""What an import says of a response, set against what is known."""


@dataclass(frozen=True)
class Held:
    """What the warehouse holds of a sheet: its wave, and a hash of what it says."""

    wave: int
    digest: str


@dataclass(frozen=True)
class Revision:
    """What an import adds: `answers` of sheets that are new or say something else."""

    answers: pa.Table
    responses: Mapping[News, int]
    refused: int
    """Responses given after a withdrawal from collection: not stored."""


def plan(imported: Imported, warehouse: Store, zone: ZoneInfo) -> Revision:
    """Set an import against what is known; stores nothing."""
    rows = imported.answers.to_pylist()
    away = gone(warehouse, zone, _agreeing(rows))
    refused = {_response(row) for row in rows if _is_refused(row, away)}
    taken = [row for row in rows if _response(row) not in refused] if refused else rows
    sheets = _by_sheet(taken)
    held = _held(warehouse, taken)
    news = {key: _news(said, held.get(key)) for key, said in sheets.items()}
    fresh = [
        row for key, said in sheets.items() if news[key] != "unchanged" for row in said
    ]
    return Revision(
        pa.Table.from_pylist(fresh, schema=ANSWERS), _counted(news), len(refused)
    )


def store(imported: Imported, revision: Revision, warehouse: Store) -> str:
    """Store what is new, with a line in the ledger; returns the import's id."""
    understood = imported.understood
    about = {
        "origin": imported.origin,
        "sha256": understood.sha256,
        "format": understood.format,
        "encoding": understood.encoding,
        "timezone": understood.timezone,
        "coding": list(understood.coding.items()),
        "mapping": understood.mapping,
        "wave": imported.wave,
        "rows": understood.rows,
        "responses": imported.responses,
        "answers": imported.answers.num_rows,
        "added": revision.responses["added"],
        "changed": revision.responses["changed"],
        "moved": revision.responses["moved"],
        "refused": revision.refused,
        "set_apart": len(imported.set_apart),
    }
    return warehouse.append_responses(revision.answers, about)


def _agreeing(rows: Iterable[Row]) -> Statements:
    """Who says yes with these answers: whoever comes back so is not away."""
    said: dict[str, list[Statement]] = defaultdict(list)
    for row in rows:
        if row["instrument"] == INSTRUMENT and row["answer"]:
            one = statement(row["responded_at"], row["item"], row["answer"])
            said[row["participant_id"].hex()].append(one)
    return said


def _is_refused(row: Row, away: Mapping[bytes, Gone]) -> bool:
    return is_gone(away.get(row["participant_id"], ()), row["responded_at"])


def _by_sheet(rows: Iterable[Row]) -> dict[Sheet, list[Row]]:
    sheets: dict[Sheet, list[Row]] = defaultdict(list)
    for row in rows:
        sheets[*_response(row), row["instrument"]].append(row)
    return sheets


def _response(row: Row) -> Response:
    at = str(int(row["responded_at"].timestamp()))
    return row["participant_id"], row["response"] or at


def _held(warehouse: Store, rows: Iterable[Row]) -> dict[Sheet, Held]:
    """What is known of the items that the import holds, sheet by sheet."""
    asked = sorted({(row["instrument"], row["item"]) for row in rows})
    found = warehouse.query(
        "response_digests",
        instruments=[instrument for instrument, _ in asked],
        items=[item for _, item in asked],
    ).to_pylist()
    return {
        (
            bytes.fromhex(one["participant_id"]),
            one["response"],
            one["instrument"],
        ): Held(one["wave"], one["digest"])
        for one in found
    }


def _news(said: Iterable[Row], held: Held | None) -> News:
    rows = list(said)
    if held is None:
        return "added"
    if held.wave != rows[0]["wave"]:
        return "moved"
    return "unchanged" if held.digest == _digest(rows) else "changed"


def _digest(rows: Iterable[Row]) -> str:
    """The hash that `queries/response_digests.sql` makes of the same answers."""
    finished = {True: "true", False: "false", None: ""}
    lines = sorted(
        f"{row['item']}={row['answer']};{int(row['responded_at'].timestamp())};"
        f"{row['wave']};{finished[row['finished']]}"
        for row in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _counted(news: Mapping[Sheet, News]) -> dict[News, int]:
    """By response: moved if any sheet moved; added only if nothing of it was known."""
    each: dict[Response, set[News]] = defaultdict(set)
    for (participant, response, _), one in news.items():
        each[participant, response].add(one)
    counts = Counter(map(_of_response, each.values()))
    kinds: tuple[News, ...] = ("added", "changed", "moved", "unchanged")
    return {kind: counts[kind] for kind in kinds}


def _of_response(sheets: set[News]) -> News:
    if len(sheets) == 1:
        return next(iter(sheets))
    return "moved" if "moved" in sheets else "changed"
