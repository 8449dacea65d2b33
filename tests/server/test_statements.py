"""How far the front reads a statement; the engine judges the rest in other tests."""

import pytest

from panelstream.chdb_server import statements


@pytest.mark.parametrize(
    ("source", "sql", "form", "data"),
    [
        ("INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", "1,2\n"),
        ("insert into t format CSV  \r\n\n1", "insert into t ", "CSV", "\n1"),
        ("INSERT INTO t VALUES (1)", "INSERT INTO t ", "Values", " (1)"),
        ("INSERT INTO t (a, values) VALUES (1)", "INSERT INTO t (a, values) ", "Values", " (1)"),
        ("/* FORMAT X */ INSERT INTO t -- y\n FORMAT TSV 1", "/* FORMAT X */ INSERT INTO t -- y\n ", "TSV", "1"),
        ("INSERT INTO FUNCTION null('a UInt8') FORMAT CSV 1", "INSERT INTO FUNCTION null('a UInt8') ", "CSV", "1"),
        ("INSERT INTO t SETTINGS a = 1 FORMAT CSV 1", "INSERT INTO t SETTINGS a = 1 ", "CSV", "1"),
        ("INSERT INTO `FORMAT` FORMAT CSV 'it''s", "INSERT INTO `FORMAT` ", "CSV", "'it''s"),
    ],
)  # fmt: skip
def test_an_insert_is_cut_at_its_data(
    source: str, sql: str, form: str, data: str
) -> None:
    """What precedes FORMAT or VALUES is the statement; blanks and a line break go."""
    read = statements.parse_statement(source.encode())
    assert (read.sql, read.form) == (sql, form)
    assert source.encode()[read.data_at :].decode() == data


@pytest.mark.parametrize(
    ("source", "form"),
    [
        ("SELECT 1", None),
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", "JSON"),
        ("SELECT 1 FORMAT JSON;", "JSON"),
        ("SELECT 'a FORMAT CSV'", None),
        ("SELECT 1 -- FORMAT CSV", None),
        ("SELECT $x$ FORMAT CSV $x$", None),
        ("SELECT 1 AS FORMAT, 2 AS b", None),
        ("SELECT format('{}', 'x')", None),
        ("INSERT INTO t SELECT 1", None),
    ],
)
def test_the_format_is_the_clause_at_the_end(source: str, form: str | None) -> None:
    """Not a word in a text, a comment or a name."""
    assert statements.parse_statement(source.encode()).form == form


@pytest.mark.parametrize(
    ("source", "several"),
    [
        ("SELECT 1", False),
        ("SELECT 1;", False),
        ("SELECT 1 ; ; -- end", False),
        ("SELECT ';'", False),
        ("SELECT 1; SELECT 2", True),
        ("SELECT 1 /* ; */; x", True),
    ],
)
def test_one_statement_at_a_time(source: str, several: bool) -> None:
    """A semicolon may end it; nothing may follow but space."""
    assert (
        statements.is_multiple(statements.parse_statement(source.encode())) is several
    )


def test_the_verb_is_the_first_word() -> None:
    """After comments and parentheses."""
    read = statements.parse_statement(
        b"-- c\n /* d */ ((select 1) union all (select 2))"
    )
    assert (read.verb, read.reads, read.answers) == ("SELECT", True, True)
    assert statements.parse_statement(b"CREATE TABLE t (a Int8)").answers is False
