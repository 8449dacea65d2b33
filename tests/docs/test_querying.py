"""docs/reference/querying.md says what the engine says, and its examples run."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.docs import documents, shells

PAGE = "docs/reference/querying.md"
RELATIONS = (
    "participants",
    "study_events",
    "reaction_events",
    "study_daily_use",
    "weekly_use",
    "sessions",
    "fact_exposure",
    "scores",
    "dim_item",
    "dim_wave",
    "coverage",
    "coverage_of_people",
    "operator_events",
    "operator_daily_use",
    "operator_participants",
    "operator_consents",
    "operator_answers",
    "operator_answer_statements",
    "operator_withdrawals",
    "operator_withdrawn_periods",
    "dead_letters",
)
COLUMNS = """
    SELECT table, name, type, comment FROM system.columns
    WHERE database = currentDatabase() AND default_kind != 'MATERIALIZED'
    ORDER BY table, position
"""
TABLES = """
    SELECT name, engine, comment FROM system.tables WHERE database = currentDatabase()
"""


@pytest.fixture(scope="module")
def columns(finished: Path) -> list[dict[str, Any]]:
    """Every column of the warehouse."""
    return ask(COLUMNS, finished)


@pytest.fixture(scope="module")
def tables(finished: Path) -> list[dict[str, Any]]:
    """Every table and view of the warehouse."""
    return ask(TABLES, finished)


def ask(sql: str, folder: Path) -> list[dict[str, Any]]:
    """The rows that `panelstream query --json` gives."""
    [output] = shells.run([f'panelstream query --operator "{sql}" --json'], folder)
    rows: list[dict[str, Any]] = json.loads(output)
    return rows


def cells(heading: str) -> list[tuple[str, ...]]:
    """The rows of the table under a heading, without their code marks."""
    lines = documents.section(documents.read(PAGE), heading).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    return [(first.strip("`"), *others) for first, *others in rows]


def meanings(heading: str) -> dict[str, str]:
    """The last cell of each row under a heading, by the first."""
    return {row[0]: row[-1] for row in cells(heading)}


@pytest.mark.parametrize("relation", RELATIONS)
def test_columns_are_those_of_the_engine(
    relation: str, columns: list[dict[str, Any]]
) -> None:
    """Names, order and types of each relation are documented as the engine has them."""
    there = [(c["name"], c["type"]) for c in columns if c["table"] == relation]
    assert [(name, kind) for name, kind, _ in cells(relation)] == there


@pytest.mark.parametrize("relation", RELATIONS)
def test_meanings_are_the_comments_of_the_engine(
    relation: str, columns: list[dict[str, Any]]
) -> None:
    """The engine itself describes each column as the page does."""
    comments = {c["name"]: c["comment"] for c in columns if c["table"] == relation}
    assert meanings(relation) == comments


def test_no_table_is_missing(tables: list[dict[str, Any]]) -> None:
    """Every table is listed with its own comment, and every view has a section."""
    stored = {t["name"]: t["comment"] for t in tables if t["engine"] != "View"}
    assert meanings("Tables beneath") == stored
    views = {t["name"]: t["comment"] for t in tables if t["engine"] == "View"}
    catalogue = meanings("Views of the catalogue")
    assert catalogue.items() <= views.items()
    as_of = {name for name, _ in cells("As of an instant")}
    assert as_of == {name for name in views if name.endswith("_as_of")}
    assert set(views) == {*RELATIONS, "panel", *catalogue, *as_of} - {"dead_letters"}


def test_panel_has_the_columns_of_the_panel(
    finished: Path, columns: list[dict[str, Any]]
) -> None:
    """Those of the exported panel, each with the codebook's meaning as its comment."""
    codebook = pd.read_csv(finished / "results" / "private" / "codebook.csv")
    engine = {c["name"]: c["comment"] for c in columns if c["table"] == "panel"}
    documented = cells("panel")
    assert {name for name, _, _ in documented} <= engine.keys()
    assert engine.keys() == {*codebook["column"], "study_version", "as_of"}
    further = codebook[~codebook["column"].isin([name for name, *_ in documented])]
    assert {name: engine[name] for name in further["column"]} == dict(
        zip(further["column"], further["meaning"], strict=True)
    )


def test_ten_queries_have_rows(finished: Path) -> None:
    """Each query of the section is answered with rows, without the rights of operators."""
    page = documents.read(PAGE).split("## Ten queries")[1].split("\n## ")[0]
    scripts = [block.text for block in documents.blocks(page, "sh")]
    assert len(scripts) == 10
    for script in scripts:
        [output] = shells.run([f"{script.strip()} --json"], finished)
        assert json.loads(output), script


def test_an_analyst_is_told_how_operators_ask(finished: Path) -> None:
    """What is not for analysts is refused in one line that names the option."""
    output = shells.python(
        "import subprocess\n"
        "done = subprocess.run(['panelstream', 'query', 'SELECT * FROM events'],"
        " capture_output=True, text=True)\n"
        "print(done.returncode, done.stderr)\n",
        finished,
    )
    assert output.startswith("2 ")
    assert "events: for operators" in output
    assert "--operator" in output


def test_shell_examples_run(finished: Path) -> None:
    """The queries of the page are answered."""
    scripts = [block.text for block in documents.blocks(documents.read(PAGE), "sh")]
    output = "".join(shells.run(scripts, finished))
    assert "sign_in" in output
    assert '"month"' in output
    assert "answers" in output


def test_python_example_gives_what_the_command_gives(finished: Path) -> None:
    """Five lines of plain clickhouse-connect read the same counts."""
    [example] = documents.blocks(documents.read(PAGE), "python")
    counts = ask(
        "SELECT function, count() AS events FROM study_events GROUP BY function",
        finished,
    )
    words = shells.python(example.text, finished).split()
    assert len(example.text.splitlines()) == 5
    assert len(counts) == 7
    assert all(f"{one['events']}" in words for one in counts)


def test_a_second_process_is_told_what_to_do(finished: Path) -> None:
    """While one process holds the embedded warehouse another exits with 5."""
    holder = (
        "import clickhouse_connect, subprocess\n"
        "client = clickhouse_connect.get_client(dsn='chdb://warehouse')\n"
        "client.query('SELECT 1')\n"
        "done = subprocess.run(['panelstream', 'query', 'SELECT 1'],"
        " capture_output=True, text=True)\n"
        "print(done.returncode, done.stderr)\n"
        "client.close()\n"
    )
    output = shells.python(holder, finished)
    assert output.startswith("5 ")
    assert "another panelstream process may hold it" in output
