"""Tables that people can read, as test data.

A table is a header, a rule of dashes, and rows; columns are separated by `|`.
Lines above the header are prose, and blank lines are skipped.
"""

from pathlib import Path


def read(text: str) -> list[dict[str, str]]:
    """One dict per row, by column name, every cell stripped.

    Raises `ValueError` for a text without a table, or a row of another width.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    rules = [index for index, line in enumerate(lines) if _is_rule(line)]
    if not rules or rules[0] == 0:
        raise ValueError("no table: expected a header above a rule of dashes")
    head, rows = lines[rules[0] - 1].strip(), lines[rules[0] + 1 :]
    framed = head.startswith("|") and head.endswith("|")
    return [_row(_cells(head, framed), _cells(row, framed)) for row in rows]


def read_file(path: Path) -> list[dict[str, str]]:
    """The table in a file."""
    return read(path.read_text(encoding="utf-8"))


def _is_rule(line: str) -> bool:
    return "---" in line and not set(line) - set("-|+ ")


def _row(header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells under {len(header)} columns: {cells}")
    return dict(zip(header, cells, strict=True))


def _cells(line: str, framed: bool) -> list[str]:
    """The cells of a line; in a framed table the outer bars are decoration."""
    inner = line.strip()[1:-1] if framed else line
    return [cell.strip() for cell in inner.split("|")]
