"""docs/explanation/schema.md names every table with the engine and the sort key that it has."""

from pathlib import Path

from tests.docs import documents
from tests.docs.test_querying import ask

TABLES = """
    SELECT name, engine_full, sorting_key, partition_key FROM system.tables
    WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name
"""


def test_tables_are_those_of_the_engine(finished: Path) -> None:
    """Names, engines and sort keys; and no table has partitions."""
    there = ask(TABLES, finished)
    result = sorted(
        (row["name"], row["engine_full"].split(" ")[0], row["sorting_key"])
        for row in there
    )
    assert documented() == result
    assert {row["partition_key"] for row in there} == {""}


def documented() -> list[tuple[str, ...]]:
    """Name, engine and sort key of each row of the page's first table."""
    lines = documents.read("docs/explanation/schema.md").split("\n## ")[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    return sorted((name.strip("`"), engine, key) for name, engine, key, _ in rows)
