"""The read-only user: the warehouse, and nothing but the warehouse."""

from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.lib.serving import Served


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file beside the warehouse that nobody should read through it."""
    file = tmp_path / "secret.csv"
    file.write_text("canary\n", encoding="utf-8")
    return file


@pytest.fixture
def reader(served: Served, client: Client) -> Client:
    """A client of the read-only user; `notes` is there."""
    return served.client(reader=True)


def test_a_reader_reads(reader: Client, client: Client) -> None:
    """With settings, parameters and table functions that make rows up."""
    client.insert("notes", [[1, "a/b"]], column_names=["id", "text"])
    result = reader.query(
        "SELECT text FROM notes WHERE text = {t:String} UNION ALL SELECT 'x' FROM numbers(1)",
        parameters={"t": "a/b"},
        settings={"max_threads": 1},
    )
    assert sorted(map(tuple, result.result_rows)) == [("a/b",), ("x",)]
    assert reader.query_df("DESCRIBE TABLE notes")["name"].tolist() == ["id", "text"]
    assert reader.command("SHOW TABLES") == "notes"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO notes VALUES (1, 'a')",
        "DROP TABLE notes",
        "CREATE TABLE more (a UInt8) ENGINE = Memory",
        "ALTER TABLE notes DELETE WHERE 1",
        "OPTIMIZE TABLE notes",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
        "SET max_threads = 1",
        "SELECT 1 SETTINGS readonly = 0",
    ],
)
def test_a_reader_changes_nothing(reader: Client, sql: str) -> None:
    """Every statement that would is refused with ClickHouse's code for it."""
    with pytest.raises(DatabaseError) as raised:
        reader.command(sql)
    assert raised.value.code == 164


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('{path}', 'LineAsString')",
        "SELECT * FROM `file`('{path}', 'LineAsString')",
        "SELECT file('{path}')",
        "SELECT * FROM '{path}'",
        "SELECT * FROM `{path}`",
        'SELECT * FROM default."{path}"',
        "SELECT * FROM \u201c{path}\u201d",
        "SELECT 1 IN `{path}`",
        "SELECT * FROM view(SELECT * FROM file('{path}', 'LineAsString'))",
        "SELECT 1 AS FORMAT, file('{path}') FROM numbers(1)",
        "SELECT (SELECT file('{path}')) FORMAT CSV",
        "SELECT * FROM eval('SELECT file(\\'{path}\\')')",
        "DESCRIBE '{path}'",
        "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "SELECT 1 /* ' */; SELECT file('{path}') -- '",
    ],
)
def test_a_reader_sees_no_files(served: Served, secret: Path, sql: str) -> None:
    """Nor addresses: the engine would open them, the front does not let it."""
    asked = sql.replace("{path}", str(secret))
    words = [served.endpoint.url, "--data-binary", "@-"]
    told = served.curl(*words, data=asked.encode(), reader=True)
    assert b"canary" not in told
    assert told.startswith(b"Code: ")


RAW = (
    "SELECT * FROM events",
    "SELECT * FROM default.events FINAL",
    "SELECT 1 WHERE 1 IN events",
    "SELECT 1 WHERE 'a' NOT IN default.operator_answers",
    "SELECT * FROM operator_events",
    "SELECT * FROM (WITH raw AS (SELECT * FROM `operator_daily_use`) SELECT * FROM raw)",
    "SELECT (SELECT count() FROM roster)",
    "SELECT * FROM view(SELECT * FROM dead_letters)",
    "SELECT * FROM notes AS n INNER JOIN responses AS r ON 1",
    "SELECT 1 UNION ALL SELECT count() FROM panel_rows",
    "SELECT * FROM answers_as_of(as_of = '2030-01-01 00:00:00')",
    "SELECT * FROM merge('default', '^event')",
    "SELECT * FROM loop('default', 'events') LIMIT 1",
    "EXPLAIN SELECT * FROM events",
)


@pytest.mark.parametrize("sql", RAW)
def test_a_reader_sees_the_views_of_analysts_only(
    served: Served, client: Client, sql: str
) -> None:
    """Tables, views of operators and those of an instant are refused, however named."""
    assert client.command("SELECT count() FROM notes") == 0
    told = served.curl(
        served.endpoint.url, "--data-binary", "@-", data=sql.encode(), reader=True
    )
    assert b"Code: 497." in told


def test_a_parameter_names_no_hidden_table(served: Served) -> None:
    """{name:Identifier} may be a view of analysts, not a table."""
    url = f"{served.endpoint.url}?param_t=events"
    told = served.curl(url, "-d", "SELECT * FROM {t:Identifier}", reader=True)
    assert b"Code: 497." in told


def test_a_name_that_is_no_table_is_free(reader: Client) -> None:
    """Columns and aliases may be called like a table."""
    sql = "SELECT id AS events FROM notes WHERE events IN (1, 2) ORDER BY events"
    assert reader.query(sql).result_rows == []


def test_a_parameter_names_no_file(served: Served, secret: Path) -> None:
    """{name:Identifier} is a name like any other."""
    url = f"{served.endpoint.url}?param_t={secret}"
    told = served.curl(url, "-d", "SELECT * FROM {t:Identifier}", reader=True)
    assert b"canary" not in told
    assert b"Code: 497." in told


@pytest.mark.parametrize("name", ["max_memory_usage", "max_execution_time"])
def test_a_reader_keeps_to_the_limits(
    served: Served, client: Client, name: str
) -> None:
    """In the URL and in the statement; less than the limit may be asked for."""
    url, beyond = served.endpoint.url, 1 << 50
    told = served.curl(f"{url}?{name}={beyond}", "-d", "SELECT 1", reader=True)
    assert b"Code: 452." in told
    told = served.curl(url, "-d", f"SELECT 1 SETTINGS {name} = {beyond}", reader=True)
    assert b"Code: 452." in told
    less = {"max_memory_usage": 1 << 30, "max_execution_time": 2}[name]
    assert served.curl(f"{url}?{name}={less}", "-d", "SELECT 1", reader=True) == b"1\n"
