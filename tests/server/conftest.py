"""One warehouse process for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from tests.lib import serving
from tests.lib.serving import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A process over an empty folder; it takes bodies of 2 MiB and a second a query."""
    folder: Path = tmp_path_factory.mktemp("study")
    with serving.serve(folder, "--max-body", "2", "--max-seconds", "5") as one:
        yield one


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """A client, with the table `notes` there and empty."""
    opened = served.client()
    opened.command("DROP TABLE IF EXISTS notes")
    opened.command(
        "CREATE TABLE notes (id UInt64, text String) ENGINE = MergeTree ORDER BY id"
    )
    yield opened
    opened.close()
