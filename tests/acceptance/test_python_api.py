"""`import panelstream`: a study in a notebook, with and without a warehouse process."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

import panelstream
from panelstream.models.errors import FileError, Unreachable, UsageError
from tests.lib import serving
from tests.lib.command import succeed
from tests.lib.shared import copy_demo

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo with its results."""
    return copy_demo(tmp_path_factory, tmp_path_factory.mktemp("api") / "demo")


@pytest.fixture(scope="class")
def served(demo: Path) -> Iterator[Path]:
    """The same demo, while `panelstream warehouse` serves it."""
    with serving.serve(demo):
        yield demo


def test_the_panel_is_the_file_of_the_command(demo: Path) -> None:
    """Rows, columns and values are those of the results folder."""
    panel = panelstream.open(demo).panel()
    expected = pd.read_parquet(demo / "results" / "private" / "panel.parquet")
    assert panel.columns.tolist() == expected.columns.tolist()
    assert len(panel) == len(expected) > 0
    keys = ["participant_id", "wave"]
    assert panel[keys].to_numpy().tolist() == expected[keys].to_numpy().tolist()


def test_the_estimates_are_those_of_the_command(demo: Path) -> None:
    """The same numbers as estimates.csv of `panelstream demo`, in the same order."""
    estimates = panelstream.open(demo).estimates()
    expected = pd.read_csv(demo / "results" / "private" / "estimates.csv")
    assert estimates["specification"].tolist() == expected["specification"].tolist()
    pd.testing.assert_series_equal(
        estimates["estimate"], expected["estimate"], check_exact=True
    )


def test_the_codebook_describes_every_column(demo: Path) -> None:
    """One row a column of the panel, as the command writes it."""
    study = panelstream.open(demo)
    codebook = study.codebook()
    expected = pd.read_csv(demo / "results" / "private" / "codebook.csv")
    assert codebook.columns.tolist() == expected.columns.tolist()
    assert codebook.iloc[:, 0].tolist() == expected.iloc[:, 0].tolist()
    assert set(codebook.iloc[:, 0]) == set(study.panel().columns)


def test_a_query(demo: Path) -> None:
    """A frame with the columns of the SELECT: every id of the event files is stored."""
    rows = panelstream.open(demo).query(
        "SELECT count() AS stored FROM events FINAL", operator=True
    )
    with gzip.open(demo / "events" / "events.ndjson.gz") as lines:
        ids = {json.loads(line)["id"] for line in lines}
    assert rows.columns.tolist() == ["stored"]
    assert rows["stored"].tolist() == [len(ids)]


@pytest.mark.parametrize(
    "sql", ["SELECT nothing FROM nowhere", "DROP TABLE events", "TRUNCATE TABLE events"]
)
def test_a_query_that_is_wrong_or_would_change_something(demo: Path, sql: str) -> None:
    """Refused by the engine; the events are still there."""
    study = panelstream.open(demo)
    with pytest.raises(UsageError):
        study.query(sql)
    assert study.query("SELECT count() AS n FROM study_events")["n"][0] > 0


def test_a_window_and_an_instant(demo: Path) -> None:
    """Both are checked; an early instant has a panel without answers."""
    study = panelstream.open(demo)
    assert study.panel(window=study.windows[0]).equals(study.panel())
    with pytest.raises(UsageError, match="the study needs no window 'fortnight'"):
        study.panel(window="fortnight")
    with pytest.raises(UsageError, match="no time zone"):
        study.panel(as_of=datetime(2027, 1, 1))  # noqa: DTZ001 - refused
    with pytest.raises(UsageError, match="not settled"):
        study.panel(as_of=datetime(2200, 1, 1, tzinfo=UTC))
    assert study.panel(as_of=datetime(2000, 1, 1, tzinfo=UTC)).empty


def test_nothing_stays_open(demo: Path) -> None:
    """While a notebook holds a study, a command of another process works."""
    study = panelstream.open(demo)
    study.query("SELECT 1")
    succeed("status", "--study", demo)
    assert study.query("SELECT 1 AS one")["one"].tolist() == [1]


def test_a_script_like_a_notebook(demo: Path) -> None:
    """A plain script in a folder of its own, with the settings of the environment."""
    code = (
        "import panelstream\n"
        "study = panelstream.open()\n"
        "print(len(study.panel()), len(study.query('SELECT 1 AS a')))\n"
    )
    env = {"PYTHONPATH": str(ROOT), "PANELSTREAM_STUDY": str(demo), "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd="/", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    panel = pd.read_parquet(demo / "results" / "private" / "panel.parquet")
    assert done.stdout.split() == [str(len(panel)), "1"]


def test_import_is_light() -> None:
    """`import panelstream` imports none of the heavy libraries."""
    code = (
        "import sys, panelstream; heavy = {'pandas', 'numpy', 'pyarrow', 'chdb', "
        "'clickhouse_connect', 'prefect', 'scipy'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_a_folder_that_is_no_study(tmp_path: Path) -> None:
    """The file that is missing is named."""
    with pytest.raises(FileError, match=r"study\.yaml"):
        panelstream.open(tmp_path)


def test_a_warehouse_that_another_process_holds(demo: Path) -> None:
    """`Unreachable`, with what to do; afterwards it works again."""
    code = (
        "import sys; from panelstream.models.warehouse.store import open_store\n"
        f"store = open_store('chdb://{demo.resolve()}/warehouse'); print('open', flush=True)\n"
        "sys.stdin.read()"
    )
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(Unreachable, match="another panelstream process"):
            panelstream.open(demo).query("SELECT 1")
    finally:
        holder.communicate()
    assert len(panelstream.open(demo).query("SELECT 1")) == 1


class TestServed:
    """The same while `panelstream warehouse` serves the study."""

    def test_panel(self, served: Path) -> None:
        """The panel is built by way of the server."""
        panel = panelstream.open(served).panel()
        expected = pd.read_parquet(served / "results" / "private" / "panel.parquet")
        assert len(panel) == len(expected)

    def test_queries_use_the_readers_access(self, served: Path) -> None:
        """The user of a query is the reader, who sees no file of the machine."""
        study = panelstream.open(served)
        assert study.query("SELECT count() AS n FROM study_events")["n"][0] > 0
        with pytest.raises(UsageError, match=r"[Nn]ot enough privileges"):
            study.query("SELECT * FROM file('/etc/passwd', 'LineAsString')")
        with pytest.raises(UsageError, match="readonly"):
            study.query("DROP TABLE events")
