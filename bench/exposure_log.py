"""A study of two years on a platform: its warehouse, and the rivals' Parquet.

24,000 people, of whom 1,200 did nothing; how much the others did has a heavy tail.
One event in a hundred is sent again a day later. All have enrolled and consented,
four in five answer a wave. The same seed gives the same study.

Arguments: folder, number of events.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import clickhouse_connect
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from clickhouse_connect.driver.client import Client
from numpy.random import Generator, default_rng

from bench.log import KINDS, SHARES
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import STUDY_FILE, load_study
from panelstream.models.study.study import midnight
from panelstream.models.study.template import (
    WAVE_EVERY_DAYS,
    WAVE_OPEN_DAYS,
    study_text,
)
from panelstream.models.warehouse import store
from panelstream.models.warehouse.definitions import apply_migrations

PEOPLE, SILENT, WAVES = 24_000, 1_200, 8
FIRST_ON = date(2025, 1, 6)
"""When the first wave opens; the log begins a window before."""
DAYS = WAVES * WAVE_EVERY_DAYS
EVENTS, WINDOWS = "events.parquet", "windows-{}.parquet"

_TAIL = 1.2
"""Standard deviation of the logarithm of events a person."""
_SENT_TWICE, _ANSWER = 0.01, 0.8
_A_PIECE = 1_000_000
_SECOND, _MINUTE, _DAY = 10**6, 60 * 10**6, 86400 * 10**6
_MICROS = pa.timestamp("us", "UTC")
FUNCTIONS = ("sign_in", "reaction", "story", "cycle", "funcan", "column")
_SORTED = sorted(FUNCTIONS)
_HEX = np.array([f"{n:04x}" for n in range(2**16)], "S4")

_LEDGER = """
insert into arrivals (recorded_at, accepted) select max(recorded_at), count() from events
"""
_SETTLED = """
insert into settlements (settled_at, checked_at)
select max(recorded_at), max(recorded_at) from events
"""


@dataclass(frozen=True)
class Piece:
    """Events of some people, in the order of the table's key.

    `who`: place of the person; `function`: place of its name in the alphabet;
    `at`: microseconds since 1970.
    """

    who: np.ndarray
    function: np.ndarray
    at: np.ndarray


def write(folder: Path, events: int) -> None:
    """Write the study folder with its warehouse, and the Parquet files."""
    folder.mkdir(parents=True, exist_ok=True)
    text = study_text("bench", WAVES, FIRST_ON)
    (folder / STUDY_FILE).write_text(text, encoding="utf-8")
    apply_migrations(store.open_store(dsn(folder)))
    client = clickhouse_connect.get_client(dsn=dsn(folder))
    ids = people()
    _write_acts(client, folder / EVENTS, ids, events)
    client.insert_arrow("events", _study_events(ids))
    client.insert_arrow("responses", _answers(load_study(folder), ids))
    client.command("optimize table events final")
    client.command(_LEDGER)
    client.command(_SETTLED)
    client.close()
    for kind in ("between_waves", "lookback"):
        pq.write_table(_rival_windows(kind), folder / WINDOWS.format(kind))


def dsn(folder: Path) -> str:
    """Where the warehouse is."""
    return f"chdb://{folder.resolve()}/warehouse"


def rival_cells(folder: Path) -> Path:
    """Where a rival leaves what it counted: who, wave, function, events, days."""
    return folder / "rival.parquet"


def our_cells(folder: Path) -> Path:
    """Where ours leaves the same: arrays (rows of `windows`, FUNCTIONS)."""
    return folder / "ours.npz"


def people() -> list[bytes]:
    """Pseudonyms in their order."""
    drawn = default_rng(1).bytes(16 * PEOPLE)
    return sorted(drawn[at : at + 16] for at in range(0, len(drawn), 16))


def windows(kind: str, waves: int = WAVES) -> pd.DataFrame:
    """Person-waves with the windows of the study, or 180 days before a day of their own.

    Fewer waves are spread over the same two years.
    """
    chosen = np.linspace(1, WAVES, waves).round().astype(int)
    who, wave = (grid.ravel() for grid in np.meshgrid(range(PEOPLE), chosen))
    order = np.lexsort((wave, who))
    who, wave = who[order], wave[order]
    opens = np.datetime64(FIRST_ON) + WAVE_EVERY_DAYS * (wave - 1)
    if kind == "between_waves":
        start = opens - np.where(
            wave == 1, WAVE_EVERY_DAYS, WAVE_EVERY_DAYS - WAVE_OPEN_DAYS
        )
    else:
        opens = opens + who % WAVE_OPEN_DAYS
        start = opens - 180
    hexes = np.array([one.hex() for one in people()], object)
    return pd.DataFrame(
        {
            "who": who.astype(np.uint32),
            "participant_id": hexes[who],
            "wave": wave,
            "observable_from": start.astype("datetime64[s]"),
            "observable_until": opens.astype("datetime64[s]"),
            "since_on": start.astype("datetime64[s]"),
        }
    )


def _rival_windows(kind: str) -> pa.Table:
    frame = windows(kind)[["who", "wave", "observable_from", "observable_until"]]
    schema = {"who": pa.uint32(), "wave": pa.uint16()}
    schema |= {"observable_from": pa.date32(), "observable_until": pa.date32()}
    return pa.Table.from_pandas(frame, preserve_index=False).cast(pa.schema(schema))


def _write_acts(client: Client, parquet: Path, ids: list[bytes], events: int) -> None:
    rng = default_rng(2)
    with pq.ParquetWriter(parquet, _PARQUET, compression="lz4") as writer:
        for piece in pieces(events, rng):
            writer.write_table(_for_rivals(piece))
            rows = acts(piece, ids, rng)
            client.insert_arrow("events", rows)
            again = _later(rows.filter(pa.array(rng.random(len(rows)) < _SENT_TWICE)))
            client.insert_arrow("events", again)


def pieces(events: int, rng: Generator) -> Iterator[Piece]:
    """The log, some people at a time."""
    counts = _counts(events, rng)
    bounds = np.searchsorted(np.cumsum(counts), np.arange(_A_PIECE, events, _A_PIECE))
    for some in np.split(np.arange(PEOPLE), np.unique(bounds)):
        if counts[some].any():
            yield _piece(np.repeat(some, counts[some]), rng)


def _counts(events: int, rng: Generator) -> np.ndarray:
    """Events of each person."""
    weights = rng.lognormal(sigma=_TAIL, size=PEOPLE)
    weights[rng.permutation(PEOPLE)[:SILENT]] = 0
    counts: np.ndarray = np.floor(weights / weights.sum() * events).astype(np.int64)
    counts[np.argmax(counts)] += events - counts.sum()
    return counts


def _piece(who: np.ndarray, rng: Generator) -> Piece:
    """Sorted through one number: person, function, microseconds since the start."""
    drawn = np.searchsorted(np.cumsum(SHARES)[:-1], rng.random(len(who)), "right")
    function = np.array([_SORTED.index(one) for one in FUNCTIONS])[drawn]
    after = rng.integers(0, DAYS * _DAY, len(who))
    packed = ((who << 49) | (function << 46) | after).view(np.uint64)
    packed.sort()
    at = (packed & np.uint64(2**46 - 1)).astype(np.int64) + _began()
    function = (packed >> np.uint64(46)).astype(np.int8) & np.int8(7)
    return Piece((packed >> np.uint64(49)).astype(np.uint32), function, at)


def _began() -> int:
    """The study's midnight at which the log begins."""
    first = FIRST_ON - timedelta(days=WAVE_EVERY_DAYS)
    return _micros(midnight(first, ZoneInfo("Asia/Tokyo")))


def _micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


_PARQUET = pa.schema(
    {
        "who": pa.uint32(),
        "function": pa.dictionary(pa.int8(), pa.string()),
        "occurred_at": pa.timestamp("us"),
    }
)


def _for_rivals(piece: Piece) -> pa.Table:
    """People as small numbers: what an expert would have made of them."""
    columns = [
        pa.array(piece.who.astype(np.uint32)),
        _worded(piece.function, _SORTED),
        pa.array(piece.at, pa.timestamp("us")),
    ]
    return pa.table(columns, _PARQUET)


def acts(piece: Piece, ids: list[bytes], rng: Generator) -> pa.Table:
    """Rows of `events` as the path stores them: identities as long as a UUID's digits."""
    size = len(piece.who)
    received = piece.at + _SECOND + piece.at % _SECOND
    types = [f"u2plus.{KINDS[FUNCTIONS.index(one)]}" for one in _SORTED]
    data = [
        '{"kind":"like","target":"story"}' if t == "reaction" else "{}" for t in _SORTED
    ]
    return pa.table(
        {
            "source": _worded(np.zeros(size, np.int8), ["u2plus.web"]),
            "id": _identities(size, rng),
            "event_type": _worded(piece.function, types),
            "function": _worded(piece.function, _SORTED),
            "participant_id": pa.array(ids, pa.binary(16)).take(pa.array(piece.who)),
            "occurred_at": pa.array(piece.at, _MICROS),
            "received_at": pa.array(received, _MICROS),
            "recorded_at": pa.array(received // _MINUTE * _MINUTE + _MINUTE, _MICROS),
            "schema_version": pa.array(np.ones(size, np.uint8)),
            "data": _worded(piece.function, data).cast(pa.string()),
        }
    )


def _worded(places: np.ndarray, words: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(places.astype(np.int8), words)


def _identities(size: int, rng: Generator) -> pa.Array:
    digits = _HEX[np.frombuffer(rng.bytes(16 * size), np.uint16)]
    offsets = np.arange(0, 32 * size + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(
        size, pa.py_buffer(offsets), pa.py_buffer(digits)
    )


def _later(rows: pa.Table) -> pa.Table:
    """The same events, a day later."""
    for name in ("received_at", "recorded_at"):
        later = pa.array(rows[name].to_numpy() + np.timedelta64(1, "D"), _MICROS)
        rows = rows.set_column(rows.column_names.index(name), name, later)
    return rows


def _study_events(ids: list[bytes]) -> pa.Table:
    """Everybody enrols and consents; a heartbeat a day covers everything."""
    first = datetime.fromtimestamp(_began() / _SECOND, UTC)
    scopes = json.dumps({"version": 1, "scopes": ["survey", "telemetry"]})
    whole = [(one, "study.enrolled", first, "{}") for one in ids]
    whole += [(one, "study.consent_given", first, scopes) for one in ids]
    for day in range(DAYS + WAVE_OPEN_DAYS):
        start, end = (first + timedelta(days=day + n) for n in (0, 1))
        beat = {
            "functions": FUNCTIONS,
            "from": start.isoformat(),
            "to": end.isoformat(),
        }
        whole.append((bytes(16), "study.heartbeat", end, json.dumps(beat)))
    people, types, times, data = zip(*whole, strict=True)
    at = pa.array(times, _MICROS)
    return pa.table(
        {
            "source": pa.repeat("panelstream.roster", len(whole)),
            "id": pa.array(map(str, range(len(whole)))),
            "event_type": pa.array(types),
            "function": pa.repeat("", len(whole)),
            "participant_id": pa.array(people, pa.binary(16)),
            "occurred_at": at,
            "received_at": at,
            "recorded_at": at,
            "schema_version": pa.repeat(pa.scalar(1, pa.uint8()), len(whole)),
            "data": pa.array(data),
        }
    )


def _answers(folder: StudyFolder, ids: list[bytes]) -> pa.Table:
    """All items of every instrument, by four in five person-waves, on one of its days."""
    rng = default_rng(3)
    there = np.flatnonzero(rng.random(PEOPLE * WAVES) < _ANSWER)
    who, wave = np.divmod(there, WAVES)
    opens = np.datetime64(FIRST_ON, "us") + wave * np.timedelta64(WAVE_EVERY_DAYS, "D")
    at = opens + rng.integers(0, WAVE_OPEN_DAYS * _DAY, len(there))
    items = [(one.instrument, item) for one in folder.instruments for item in one.items]
    tables = []
    for instrument, item in items:
        choices = list(item.choices) or range(item.low or 0, (item.high or 0) + 1)
        answers = np.array(choices).astype(str)[
            rng.integers(0, len(choices), len(there))
        ]
        tables.append(
            pa.table(
                {
                    "participant_id": pa.array(ids, pa.binary(16)).take(pa.array(who)),
                    "wave": pa.array(wave + 1, pa.uint16()),
                    "responded_at": pa.array(at, _MICROS),
                    "instrument": pa.repeat(instrument, len(there)),
                    "item": pa.repeat(item.code, len(there)),
                    "answer": pa.array(answers),
                    "origin": pa.repeat("bench", len(there)),
                    "recorded_at": pa.array(at, _MICROS),
                }
            )
        )
    return pa.concat_tables(tables)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
