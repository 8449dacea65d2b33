"""The warehouse process as clickhouse-connect's ordinary HTTP client sees it."""

from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.lib.serving import Served

NOTES = pa.table({"id": pa.array([1, 2], pa.uint64()), "text": ["one", "zwei ü"]})


def test_a_client_learns_version_and_zone(client: Client) -> None:
    """The questions that a client asks when it starts are answered."""
    assert client.server_version == client.command("SELECT version()")
    assert client.ping()
    assert "max_threads" in client.server_settings


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_rows_come_back_as_they_went(
    served: Served, client: Client, compress: bool | str
) -> None:
    """Whatever the compression of requests and answers."""
    squeezed = served.client(compress=compress)
    squeezed.insert("notes", [[1, "one"], [2, "zwei ü"]], column_names=["id", "text"])
    result = squeezed.query("SELECT id, text FROM notes ORDER BY id")
    assert result.result_rows == [(1, "one"), (2, "zwei ü")]
    squeezed.close()


def test_frames_and_arrow(client: Client) -> None:
    """insert_df, insert_arrow, query_df and query_arrow agree."""
    client.insert_arrow("notes", NOTES)
    client.insert_df("notes", pd.DataFrame({"id": [3], "text": ["three"]}))
    table = client.query_arrow("SELECT * FROM notes ORDER BY id", use_strings=True)
    assert table["text"].to_pylist() == ["one", "zwei ü", "three"]
    frame = client.query_df("SELECT id, text FROM notes ORDER BY id")
    assert list(frame["id"]) == [1, 2, 3]


@pytest.mark.parametrize("compression", [None, "gzip", "zstd", "lz4"])
def test_raw_inserts(client: Client, compression: str | None) -> None:
    """Bytes in one of the engine's formats, sent compressed or not."""
    block = b'{"id":7,"text":"raw"}\n'
    sent = block if compression is None else _compressed(block, compression)
    summary = client.raw_insert(
        "notes", ["id", "text"], sent, fmt="JSONEachRow", compression=compression
    )
    assert summary.written_rows == 1
    assert client.raw_query("SELECT * FROM notes FORMAT CSV") == b'7,"raw"\n'


def test_rows_stream_in_blocks(client: Client) -> None:
    """A result is read block by block, and left before its end without harm."""
    sql = "SELECT number FROM numbers(300000)"
    with client.query_row_block_stream(sql) as blocks:
        sizes = [len(block) for block in blocks]
    assert sum(sizes) == 300_000
    assert len(sizes) > 1
    with client.query_row_block_stream(sql) as blocks:
        next(iter(blocks))
    assert client.query("SELECT 5").result_rows == [(5,)]


def test_arrow_streams(client: Client) -> None:
    """Arrow's stream format gives record batches."""
    with client.query_arrow_stream("SELECT number FROM numbers(1000)") as batches:
        assert sum(batch.num_rows for batch in batches) == 1000


def test_parameters_are_bound_by_the_engine(client: Client) -> None:
    """In the URL, and in a form where they are long."""
    sql = "SELECT {text:String} AS text, {ids:Array(UInt64)} AS ids, {at:DateTime64(6)}"
    values = {
        "text": "tab\tquote'",
        "ids": [1, 2],
        "at": datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    [row] = client.query(sql, parameters=values).named_results()
    assert row["text"] == "tab\tquote'"
    assert row["ids"] == [1, 2]
    long = {"ids": list(range(5000))}
    rows = client.query("SELECT length({ids:Array(UInt64)})", parameters=long)
    assert rows.result_rows == [(5000,)]


def test_settings_hold_for_one_query(client: Client) -> None:
    """A setting of one query is not one of the next; an unknown one has its code."""
    sql = "SELECT getSetting('max_block_size')"
    assert client.query(sql, settings={"max_block_size": 77}).result_rows == [(77,)]
    assert client.query(sql).result_rows != [(77,)]
    with pytest.raises(DatabaseError) as raised:
        client.query("SELECT 1 SETTINGS no_such_setting = 1")
    assert raised.value.code == 115


def test_set_and_use_hold_for_the_session(client: Client) -> None:
    """A client has a session; another client has another."""
    client.command("SET max_block_size = 55")
    assert client.command("SELECT getSetting('max_block_size')") == 55
    client.command("USE system")
    assert client.command("SELECT count() > 0 FROM settings") == 1


def test_an_error_has_the_engines_code_and_text(client: Client) -> None:
    """As a server's: code, text, and the symbolic name."""
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as raised:
        client.query("SELECT * FROM no_such_table")
    assert raised.value.code == 60


def test_an_error_after_the_first_rows_is_told(client: Client) -> None:
    """A stream that fails ends as a failure, not as a short result."""
    sql = "SELECT throwIf(number = 400000) FROM numbers(1000000)"
    with (
        pytest.raises(StreamFailureError, match="throwIf"),
        client.query_row_block_stream(sql) as blocks,
    ):
        list(blocks)
    with pytest.raises(DatabaseError, match="throwIf"):
        client.query(sql)


def test_an_insert_that_fails_inserts_nothing(client: Client) -> None:
    """The rows before the bad one are not kept."""
    rows = b'{"id":1,"text":"good"}\n{"id":"bad"}\n'
    with pytest.raises(DatabaseError) as raised:
        client.raw_insert("notes", ["id", "text"], rows, fmt="JSONEachRow")
    assert raised.value.code == 27
    assert client.command("SELECT count() FROM notes") == 0


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        (
            "(id UInt8, constraint small check id < 2) engine = MergeTree order by id",
            469,
        ),
        (
            "(id UInt8) engine = MergeTree order by id"
            " settings parts_to_throw_insert = 1, parts_to_delay_insert = 1",
            252,
        ),
    ],
)
def test_what_the_table_does_not_take_is_told(
    client: Client, definition: str, code: int
) -> None:
    """Rows that are well written, and refused by a constraint or for too many parts."""
    client.command("drop table if exists strict")
    client.command(f"create table strict {definition}")
    client.insert("strict", [[1]], column_names=["id"])
    with pytest.raises(DatabaseError) as raised:
        client.insert("strict", [[2]], column_names=["id"])
    assert raised.value.code == code
    assert client.query("select * from strict").result_rows == [(1,)]
    client.command("drop table strict")


def test_a_deduplication_token_holds(client: Client) -> None:
    """An insert that is sent again under its token changes nothing."""
    client.command(
        "ALTER TABLE notes MODIFY SETTING non_replicated_deduplication_window = 100"
    )
    for _ in range(2):
        client.insert_arrow(
            "notes", NOTES, settings={"insert_deduplication_token": "once"}
        )
    assert client.command("SELECT count() FROM notes") == 2


def _compressed(block: bytes, codec: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as out:
        out.write(block)
    return bytes(sink.getvalue())
