"""`make bench-schema`: what the choices in the log's table cost, at 10 million events.

Each variant is the table of the migration with one thing changed, filled from the same
log, merged, and read in two ways: a GROUP BY person and function, and use a week. Times
are relative to the table as it is.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from numpy.random import default_rng
from rich.console import Console

from bench import exposure_log
from panelstream.models.warehouse.statements import SQL

EVENTS, RUNS, PARTS = 10_000_000, 5, 8
BATCHES = (1_000, 10_000, 100_000, 1_000_000)
KEY = "(participant_id, function, occurred_at, source, id, event_type, schema_version, data)"
COLUMNS = (
    "source, id, event_type, function, occurred_at, sent_at, received_at, recorded_at, "
    "schema_version, data"
)
READS = (
    "select participant_id, function, count() from {} final group by participant_id, function",
    """
    select participant_id, countResample(0, 720, 1)(
        transform(function, ['column', 'cycle', 'funcan', 'reaction', 'sign_in', 'story'], [0, 120, 240, 360, 480, 600], 0)
        + intDiv(toUInt16(toDate(occurred_at, 'Asia/Tokyo')) - toUInt16(toDate('2024-10-07')), 7))
    from {} final group by participant_id
    """,
)


@dataclass(frozen=True)
class Variant:
    """One change of the table; `person` makes its participant_id of the log's."""

    name: str
    was: str = ""
    becomes: str = ""
    person: str = "participant_id"


VARIANTS = (
    Variant("as it is"),
    Variant(
        "key (source, id, …)",
        KEY,
        "(source, id, participant_id, function, occurred_at, event_type, schema_version, data)",
    ),
    Variant(
        "key (participant_id, occurred_at, …)",
        KEY,
        "(participant_id, occurred_at, function, source, id, event_type, schema_version, data)",
    ),
    Variant(
        "a partition a month", "order by", "partition by toYYYYMM(occurred_at) order by"
    ),
    Variant(
        "8 partitions by person",
        "order by",
        "partition by cityHash64(participant_id) % 8 order by",
    ),
    Variant(
        "participant_id UUID",
        "participant_id FixedString(16)",
        "participant_id UUID",
        "reinterpretAsUUID(participant_id)",
    ),
    Variant(
        "participant_id String, hex",
        "participant_id FixedString(16)",
        "participant_id String",
        "lower(hex(participant_id))",
    ),
    Variant("id with ZSTD(1)", "id String comment", "id String codec(ZSTD(1)) comment"),
)


def measure_schema(events: int, place: Path) -> None:
    """Print what each variant costs, columns by size, FINAL over parts, and inserts."""
    exposure_log.write(place, events)
    client = clickhouse_connect.get_client(dsn=exposure_log.dsn(place))
    for number, variant in enumerate(VARIANTS):
        make(client, f"variant_{number}", variant)
    client.command("drop table events sync")
    compare(client)
    show_columns(client)
    measure_parts(client)
    measure_inserts(client)
    client.close()


def make(client: Client, table: str, variant: Variant) -> None:
    """Create a variant, fill it from the log, and merge it."""
    create(client, table, variant)
    client.command(
        f"insert into {table} (participant_id, {COLUMNS}) "
        f"select {variant.person}, {COLUMNS} from events"
    )
    client.command(f"optimize table {table} final")


def create(client: Client, table: str, variant: Variant) -> None:
    """Create a variant of the migration's table."""
    text = (SQL / "migrations" / "001_events.sql").read_text(encoding="utf-8")
    text = text.replace("not exists events", f"not exists {table}")
    client.command(text.replace(variant.was, variant.becomes) if variant.was else text)


def compare(client: Client) -> None:
    """Bytes an event and times of the reads, in turn."""
    tables = [f"variant_{number}" for number in range(len(VARIANTS))]
    times = [_times(client, read, tables) for read in READS]
    for number, variant in enumerate(VARIANTS):
        plain, weekly = (one[number] / one[0] for one in times)
        _say(
            f"{variant.name}: {_bytes(client, tables[number]):.1f} bytes an event, "
            f"GROUP BY × {plain:.2f}, use a week × {weekly:.2f}"
        )


def _times(client: Client, read: str, tables: list[str]) -> list[float]:
    """The median seconds of each table, after one read of each."""
    taken = [
        [_seconds(client, read.format(one)) for one in tables] for _ in range(RUNS)
    ]
    return [statistics.median(each) for each in zip(*taken[1:], strict=True)]


def _seconds(client: Client, sql: str) -> float:
    began = time.perf_counter()
    client.query_arrow(sql)
    return time.perf_counter() - began


def _bytes(client: Client, table: str) -> float:
    """Compressed bytes an event."""
    sql = "select sum(data_compressed_bytes) / sum(rows) from system.parts where active and table = %(table)s"
    return float(client.query(sql, {"table": table}).result_rows[0][0])


def show_columns(client: Client) -> None:
    """Bytes an event of each column of the table as it is."""
    sql = """
    select column, sum(column_data_compressed_bytes) / sum(rows) as bytes
    from system.parts_columns where active and table = 'variant_0' group by column
    order by bytes desc
    """
    rows = client.query(sql).result_rows
    _say("bytes an event: " + ", ".join(f"{name} {size:.2f}" for name, size in rows))


def measure_parts(client: Client) -> None:
    """FINAL over parts that overlap, as between merges of a log that grows."""
    create(client, "parts", VARIANTS[0])
    client.command("system stop merges parts")
    for part in range(PARTS):
        client.command(
            f"insert into parts (participant_id, {COLUMNS}) select participant_id, {COLUMNS} "
            f"from variant_0 where cityHash64(recorded_at) % {PARTS} = {part} "
            f"settings max_insert_threads = 1, min_insert_block_size_rows = 100000000, "
            f"min_insert_block_size_bytes = 0, max_block_size = 100000"
        )
    [[found]] = client.query(
        "select count() from system.parts where active and table = 'parts'"
    ).result_rows
    times = [_times(client, read, ["variant_0", "parts"]) for read in READS]
    plain, weekly = (apart / merged for merged, apart in times)
    _say(f"FINAL over {found} parts: GROUP BY × {plain:.1f}, use a week × {weekly:.1f}")


def measure_inserts(client: Client) -> None:
    """Rows a second of batches in the order of the key, by their size."""
    people, rng = exposure_log.people(), default_rng(4)
    piece = next(exposure_log.pieces(2 * BATCHES[-1], rng))
    rows = exposure_log.acts(piece, people, rng).slice(0, BATCHES[-1])
    for size in BATCHES:
        create(client, f"inserted_{size}", VARIANTS[0])
        some = rows.slice(0, min(len(rows), 100 * size))
        seconds = _insert(client, f"inserted_{size}", some, size)
        _say(f"inserts of {size:,}: {len(some) / seconds:,.0f} rows/s")


def _insert(client: Client, table: str, rows: pa.Table, size: int) -> float:
    began = time.perf_counter()
    for batch in _batches(rows, size):
        client.insert_arrow(table, batch)
    return time.perf_counter() - began


def _batches(rows: pa.Table, size: int) -> Iterator[pa.Table]:
    return (rows.slice(at, size) for at in range(0, len(rows), size))


def _say(text: str) -> None:
    Console().print(text, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        measure_schema(EVENTS, Path(temporary))
