"""The process: several commands at once, starting, stopping, and being killed."""

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from panelstream.models.warehouse import endpoint
from panelstream.models.warehouse.endpoint import State
from tests.lib import serving
from tests.lib.command import panelstream, succeed

COUNT = "SELECT count() AS n, uniqExact(source, id) AS ids FROM operator_events"


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated study's files."""
    folder = tmp_path_factory.mktemp("received") / "study"
    succeed("simulate", "--out", folder, "--participants", 20, "--waves", 2)
    file = folder / "study.yaml"
    planned = yaml.safe_load(file.read_text(encoding="utf-8"))
    planned["plan"] = {"confirmatory": [planned["plan"]["confirmatory"][-1]]}
    file.write_text(yaml.safe_dump(planned, allow_unicode=True), encoding="utf-8")
    return folder


@pytest.fixture
def study(received: Path, tmp_path: Path) -> Path:
    """A copy of it that nothing has been imported into."""
    return Path(shutil.copytree(received, tmp_path / "study"))


def import_all(study: Path) -> None:
    """All that lies in the study's folder, by one process that does nothing else."""
    code = (
        "import sys; from pathlib import Path; from panelstream.flows import folder_import, workspace\n"
        "from panelstream.flows.commands.app import read_settings\n"
        "with workspace.open_workspace(read_settings(Path(sys.argv[1]))) as opened:\n"
        "    folder_import.import_folder(opened)"
    )
    subprocess.run([sys.executable, "-c", code, study], cwd=serving.ROOT, check=True)


def import_by_commands(study: Path) -> None:
    """The same by the commands that people type, each a process."""
    succeed("roster", study / "roster.csv", "--study", study)
    succeed("ingest", study / "events", "--study", study)
    for file in sorted((study / "responses").glob("*.csv")):
        wave = file.stem.rpartition("wave")[2]
        succeed("responses", file, "--wave", wave, "--study", study)


def results(study: Path, fresh: bool = False) -> list[bytes]:
    """The panel and the estimates, as a command writes them."""
    out = study / "results"
    succeed("analyse", "--out", out, "--study", study, fresh=fresh)
    names = ("panel.parquet", "estimates.csv", "tests.csv")
    return [(out / "private" / name).read_bytes() for name in names]


def count(study: Path) -> dict[str, int]:
    """Events that a reader sees, and their identities."""
    ran = succeed("query", COUNT, "--operator", "--json", "--study", study)
    [row] = json.loads(ran.out)
    return dict(row)


def event_lines(study: Path) -> list[bytes]:
    """The lines of one of the study's event files."""
    file = next(path for path in (study / "events").iterdir() if "ndjson" in path.name)
    text = file.read_bytes()
    return (gzip.decompress(text) if text[:2] == b"\x1f\x8b" else text).splitlines(True)


def test_the_results_are_the_same_through_it(
    study: Path, received: Path, tmp_path: Path
) -> None:
    """Served or embedded, the same files give a panel and estimates of the same bytes."""
    other = Path(shutil.copytree(received, tmp_path / "other"))
    import_all(other)
    with serving.serve(study):
        import_by_commands(study)
        assert results(study) == results(other, fresh=True)


def test_several_processes_write_and_read_at_once(study: Path) -> None:
    """Two halves and a whole of the same events, sent together, are each event once."""
    lines = event_lines(study)
    sent = [json.loads(line) for line in lines]
    ids = {(e["source"], e["id"]) for e in sent if e["type"].startswith("u2plus.")}
    files = [study / f"part{number}.ndjson" for number in range(3)]
    for name, part in zip(files, (lines[::2], lines[1::2], lines), strict=True):
        name.write_bytes(b"".join(part))
    with serving.serve(study), ThreadPoolExecutor(4) as pool:
        succeed("query", "SELECT 1", "--study", study)
        running = [
            pool.submit(succeed, "ingest", one, "--study", study) for one in files
        ]
        seen = count(study)
        for one in running:
            one.result()
        assert seen["n"] == seen["ids"] <= len(ids)
        assert count(study) == {"n": len(ids), "ids": len(ids)}


def test_many_clients_at_once(tmp_path: Path) -> None:
    """Inserts, streams that are left early, errors and counts, side by side."""
    with serving.serve(tmp_path) as served:
        first = served.client()
        first.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")

        def work(number: int) -> None:
            client = served.client()
            for _ in range(10):
                client.insert("t", [[number]] * 10, column_names=["a"])
                sql = "SELECT number FROM numbers(200000)"
                with client.query_row_block_stream(sql) as blocks:
                    next(iter(blocks))
                assert len(client.query(sql).result_columns[0]) == 200_000
                with pytest.raises(Exception, match="UNKNOWN_IDENTIFIER"):
                    client.query("SELECT nothing")
            client.close()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(6)))
        assert first.command("SELECT count() FROM t") == 600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_and_opens_again(tmp_path: Path, number: int) -> None:
    """A signal ends it with 0; the file is gone, the rows are there."""
    with serving.serve(tmp_path, fresh=True) as served:
        file = tmp_path / endpoint.ENDPOINT_FILE
        assert file.stat().st_mode & 0o777 == 0o600
        client = served.client()
        client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        client.insert("t", [[1], [2]], column_names=["a"])
        assert served.stop(number) == 0
        assert not file.exists()
    with serving.serve(tmp_path) as served:
        assert served.client().command("SELECT sum(a) FROM t") == 3


def test_it_stops_while_a_query_runs(tmp_path: Path) -> None:
    """A query that would run for long is ended."""
    with serving.serve(tmp_path) as served:
        url = served.endpoint.url
        sql = "SELECT count() FROM numbers(100000000000000)"
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(served.curl, url, "-d", sql)
            while b"1000" not in served.curl(url, "-d", "SHOW PROCESSLIST"):
                pass
            assert served.stop() == 0
            asked.result()


def test_a_stale_endpoint_is_noticed(study: Path) -> None:
    """After a kill the next command says so, takes the file away and goes on."""
    with serving.serve(study) as served:
        succeed("query", "SELECT 1", "--study", study)
        served.stop(signal.SIGKILL)
        ran = panelstream("query", "SELECT 41 + 1 AS a", "--json", "--study", study)
        assert ran.code == 0
        assert json.loads(ran.out) == [{"a": 42}]
        assert "removed the stale" in ran.err
        assert str(served.process.pid) in ran.err
        assert not (study / endpoint.ENDPOINT_FILE).exists()


def test_somebody_elses_server_is_not_ours(tmp_path: Path) -> None:
    """A port that another warehouse got meanwhile counts as gone."""
    with serving.serve(tmp_path) as served:
        ours = served.endpoint
        assert endpoint.probe(ours) is State.ANSWERS
        wrong = type(ours)(**{**vars(ours), "password": "of a former process"})
        assert endpoint.probe(wrong) is State.GONE


def test_a_paused_process_keeps_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It owns the warehouse still, so nobody may take the file for stale."""
    monkeypatch.setattr(endpoint, "SECONDS", 0.2)
    with serving.serve(tmp_path) as served:
        served.process.send_signal(signal.SIGSTOP)
        try:
            result = endpoint.find_endpoint(tmp_path, served.endpoint.warehouse)
        finally:
            served.process.send_signal(signal.SIGCONT)
        assert result == served.endpoint


def test_a_second_one_is_told(study: Path) -> None:
    """One line with the address and the process, exit code 5; so too without the file."""
    with serving.serve(study) as served:
        ran = panelstream("warehouse", "--study", study)
        assert (ran.code, ran.out, ran.err.count("\n")) == (5, "", 1)
        assert served.endpoint.url in ran.err
        assert str(served.process.pid) in ran.err
        (study / endpoint.ENDPOINT_FILE).unlink()
        for words in (["warehouse"], ["query", "SELECT 1"]):
            ran = panelstream(*words, "--study", study)
            assert (ran.code, ran.out, ran.err.count("\n")) == (5, "", 1)
            assert "hold" in ran.err


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    """A port in use, a port that is not a number, a warehouse that is a server already."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = panelstream("warehouse", "--study", tmp_path, "--port", port)
        assert (ran.code, ran.err.count("\n")) == (5, 1)
        assert str(port) in ran.err
    ran = panelstream(
        "warehouse", "--study", tmp_path, PANELSTREAM_WAREHOUSE_PORT="http"
    )
    assert ran.code == 3
    ran = panelstream(
        "warehouse", "--study", tmp_path, PANELSTREAM_WAREHOUSE="http://h:8123/d"
    )
    assert ran.code == 3
    assert "server already" in ran.err


def test_a_client_that_dies_inserts_nothing(tmp_path: Path) -> None:
    """Half a body, and the connection ends."""
    with serving.serve(tmp_path) as served:
        client = served.client()
        client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        address = urlsplit(served.endpoint.url)
        ends = served.endpoint
        query = f"/?user={ends.user}&password={ends.password}&query=INSERT%20INTO%20t%20FORMAT%20CSV"
        with socket.create_connection((address.hostname, address.port)) as dying:
            top = f"POST {query} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"
            dying.sendall(top.encode() + b"1\n2\n3\n")
        assert client.command("SELECT count() FROM t") == 0


def test_only_the_server_loads_the_engine_itself() -> None:
    """A command that finds an endpoint does without the embedded engine."""
    code = (
        "import sys; import panelstream.models.warehouse.store, panelstream.flows.workspace\n"
        "sys.exit('panelstream.chdb_server.engine' in sys.modules)"
    )
    environ = {**os.environ, "PYTHONPATH": str(serving.ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environ).returncode == 0
