"""docs/explanation/validity.md shows what the script of its numbers measures."""

from tests.docs import documents
from tests.long.validity import CANDIDATES, SEEDS, TROUBLES, limits

TEXT = documents.read("docs/explanation/validity.md")


def cells(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, without the line under its head."""
    lines = documents.section(TEXT, heading).splitlines()
    rows = [line for line in lines if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_trouble_is_described() -> None:
    """In the order of the columns."""
    described = [row[0] for row in cells("The simulated panels")[1:]]
    assert described == list(TROUBLES)


def test_every_estimator_and_trouble_has_a_cell() -> None:
    """Rows are the candidates, columns the troubles."""
    head, *rows = cells("Bias and coverage")
    assert head == ["estimator", *TROUBLES]
    assert [row[0] for row in rows] == list(CANDIDATES)
    assert all(len(row) == len(head) for row in rows)


def test_what_is_not_covered_is_bold() -> None:
    """And nothing else is; a share is rounded, so one in a hundred may be either."""
    low, high = limits(SEEDS)
    for row in cells("Bias and coverage")[1:]:
        for cell in row[1:]:
            held = float(cell.strip("*").split(",")[1].replace("%", "")) / 100 * SEEDS
            if abs(held - low) > 2 and abs(held - high) > 2:
                assert cell.startswith("**") == (not low <= held <= high), cell
