"""The warehouse process as curl sees it, in the forms of ClickHouse's documentation."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from tests.lib import serving
from tests.lib.serving import Served

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")


@pytest.fixture
def url(served: Served, client: Client) -> str:
    """The address, with an empty table `notes` behind it."""
    return served.endpoint.url


def head(served: Served, *words: str) -> tuple[int, dict[str, str], str]:
    """Status, headers (names in small letters) and body of an answer."""
    told = served.curl("-i", *words).decode()
    top, _, body = told.partition("\r\n\r\n")
    first, *lines = top.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def test_it_says_ok(served: Served, url: str) -> None:
    """Without a query, and to a ping, that needs no password."""
    assert served.curl(url) == b"Ok.\n"
    assert served.curl(f"{url}ping") == b"Ok.\n"
    assert head(served, f"{url}nowhere")[0] == 404


def test_the_query_may_come_either_way(served: Served, url: str) -> None:
    """In the URL, in the body, and begun in one and ended in the other."""
    assert served.curl(f"{url}?query=SELECT%201") == b"1\n"
    assert served.curl(url, "--data-binary", "@-", data=b"SELECT 1") == b"1\n"
    assert served.curl(f"{url}?query=SELECT", "-d", "1 + 1") == b"2\n"


def test_the_format_may_come_three_ways(served: Served, url: str) -> None:
    """FORMAT, default_format and the header; the first wins."""
    assert served.curl(url, "-d", "SELECT 1 AS a FORMAT JSONEachRow") == b'{"a":1}\n'
    assert served.curl(f"{url}?default_format=CSV", "-d", "SELECT 'a'") == b'"a"\n'
    by_header = ["-H", "X-ClickHouse-Format: JSONCompact", url, "-d", "SELECT 1 AS a"]
    assert json.loads(served.curl(*by_header))["data"] == [[1]]


def test_headers_tell_of_the_query(served: Served, url: str) -> None:
    """Query id, format, time zone, summary."""
    status, headers, body = head(
        served,
        f"{url}?query_id=mine&wait_end_of_query=1&query=SELECT%201%20FORMAT%20CSV",
    )
    assert (status, body) == (200, "1\n")
    assert headers["x-clickhouse-query-id"] == "mine"
    assert headers["x-clickhouse-format"] == "csv"
    assert headers["content-type"].startswith("text/csv")
    assert "x-clickhouse-timezone" in headers
    assert json.loads(headers["x-clickhouse-summary"])["result_rows"] == "1"


def test_rows_are_inserted_from_the_body(served: Served, url: str) -> None:
    """VALUES, a format with its data after it, and INSERT … SELECT."""
    served.curl(url, "-d", "INSERT INTO notes VALUES (1, 'a; b'), (1 + 1, upper('c'))")
    query = f"{url}?query=INSERT%20INTO%20notes%20FORMAT%20TabSeparated"
    served.curl(query, "--data-binary", "@-", data=b"3\tthree\n")
    whole = (
        b"INSERT INTO notes (id, text) FORMAT JSONEachRow\n" + b'{"id":4,"text":"\\n"}'
    )
    served.curl(url, "--data-binary", "@-", data=whole)
    served.curl(url, "-d", "INSERT INTO notes SELECT number + 5, 'n' FROM numbers(1)")
    result = served.curl(url, "-d", "SELECT * FROM notes ORDER BY id")
    assert result == b"1\ta; b\n2\tC\n3\tthree\n4\t\\n\n5\tn\n"


def test_a_file_in_gzip_is_inserted(served: Served, url: str) -> None:
    """Content-Encoding says so; what is cut short inserts nothing."""
    block = gzip.compress(b"1,one\n" * 1000)
    query = f"{url}?query=INSERT%20INTO%20notes%20FORMAT%20CSV"
    words = [query, "-H", "Content-Encoding: gzip", "--data-binary", "@-"]
    served.curl(*words, data=block)
    assert b"INCORRECT_DATA" in served.curl(*words, data=block[:-20])
    assert served.curl(url, "-d", "SELECT count() FROM notes") == b"1000\n"


def test_an_answer_is_compressed_on_demand(served: Served, url: str) -> None:
    """Only where enable_http_compression=1 and the client takes it."""
    words = ["-H", "Accept-Encoding: gzip", "-d", "SELECT 1"]
    assert served.curl(url, *words) == b"1\n"
    told = served.curl(f"{url}?enable_http_compression=1", *words)
    assert gzip.decompress(told) == b"1\n"


def test_parameters(served: Served, url: str) -> None:
    """param_NAME for {NAME:Type}, in the URL and in a form."""
    asked = f"{url}?param_id=2&param_text=x"
    assert served.curl(asked, "-d", "SELECT {id:UInt8} + 1, {text:String}") == b"3\tx\n"
    form = [url, "-F", "query=SELECT {id:UInt8} + 1", "-F", "param_id=4"]
    assert served.curl(*form) == b"5\n"


def test_get_changes_nothing(served: Served, url: str) -> None:
    """As in ClickHouse, the method GET implies readonly."""
    query = f"{url}?query=INSERT%20INTO%20notes%20VALUES%20(1,%20'a')"
    status, headers, _ = head(served, query)
    assert (status, headers["x-clickhouse-exception-code"]) == (500, "164")
    assert served.curl(url, "-d", "SELECT count() FROM notes") == b"0\n"


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC 1", 400, 62),
        ("SELECT * FROM nowhere", 404, 60),
        ("SELECT nothing", 404, 47),
        ("SELECT 1 FORMAT Nothing", 404, 73),
        ("SELECT {x:UInt8}", 500, 456),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 501, 48),
        ("CREATE TEMPORARY TABLE t (a UInt8)", 501, 48),
        ("CREATE TABLE k (a UInt8) ENGINE = Kafka('h:1', 't', 'g', 'CSV')", 404, 56),
        ("CREATE TABLE k (a UInt8) ENGINE `Kafka` SETTINGS x = 1", 404, 56),
        ("SELECT count() FROM numbers(100000000000000)", 408, 159),
        ("SELECT groupArray(number) FROM numbers(10000000000)", 500, 241),
    ],
)
def test_exceptions(served: Served, url: str, sql: str, status: int, code: int) -> None:
    """The engine's code in header and text, and the status a server maps it to."""
    limited = f"{url}?max_memory_usage=100000000" if code == 241 else url
    result, headers, body = head(served, limited, "-d", sql)
    assert (result, headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert body.startswith(f"Code: {code}. DB::Exception: ")
    assert body.rstrip().endswith(")")


def test_a_body_beyond_the_limit(served: Served, url: str, tmp_path: Path) -> None:
    """Is refused, sent plainly or as a small file that would grow."""
    query = f"{url}?query=INSERT%20INTO%20notes%20FORMAT%20CSV"
    rows = b"1,one\n" * 500_000
    assert b"QUERY_IS_TOO_LARGE" in served.curl(query, "--data-binary", "@-", data=rows)
    bomb = ["-H", "Content-Encoding: gzip", "--data-binary", "@-"]
    assert b"QUERY_IS_TOO_LARGE" in served.curl(query, *bomb, data=gzip.compress(rows))
    assert served.curl(url, "-d", "SELECT count() FROM notes") == b"0\n"


def test_who_is_not_known_is_refused(served: Served, url: str) -> None:
    """A wrong password, an unknown user and none have one answer."""
    for words in (["-u", "panelstream:wrong"], ["-u", "nobody:x"]):
        told = serving.curl("-i", *words, f"{url}?query=SELECT%201").decode()
        assert told.startswith("HTTP/1.1 403")
        assert "Code: 516." in told
    assert b"Code: 516." in serving.curl(f"{url}?query=SELECT%201")


def test_credentials_may_come_in_the_url(served: Served, url: str) -> None:
    """user and password as parameters."""
    ends = served.endpoint
    query = f"{url}?user={ends.user}&password={ends.password}&query=SELECT%201"
    assert serving.curl(query) == b"1\n"


def test_native_framing_is_refused(served: Served, url: str) -> None:
    """Rather than answered with bytes the client would take for compressed blocks."""
    assert head(served, f"{url}?compress=1&query=SELECT%201")[0] == 501
