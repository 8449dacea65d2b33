"""docs/how-to/roster-and-waves.md: its commands run as shown, its columns are those of the code."""

from dataclasses import fields
from pathlib import Path

from panelstream.analysis.panel.participation import Participation
from panelstream.flows.commands.status import COUNTS, DATES, SHARES
from panelstream.ingest.roster.roster_file import ROSTER_COLUMNS
from tests.docs import documents, shells
from tests.docs.test_tutorial import printed, shown

PAGE = "docs/how-to/roster-and-waves.md"
TEXT = documents.read(PAGE)


def test_every_column_of_a_roster_is_documented() -> None:
    """The columns, in the order in which a mistake lists them."""
    assert documents.documented(TEXT, "The roster") == list(ROSTER_COLUMNS)


def test_every_count_is_explained() -> None:
    """The rows that `panelstream status` shows, and all that it counts of a wave."""
    dates = [name.removesuffix("_on") for name in DATES]
    rows = [*dates, *COUNTS, "not enrolled", "set apart", "not asked", *SHARES]
    explained = documents.documented(TEXT, "Following a wave")
    assert explained == [name.replace("_", " ") for name in rows]
    counted = [field.name for field in fields(Participation)]
    assert counted == ["wave", *COUNTS, *SHARES]


def test_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    """A stranger who types the page in order sees the same lines."""
    steps = list(shown(PAGE))
    outputs = shells.run([script for script, _ in steps], tmp_path)
    missing = [
        f"{line!r} not in:\n{output}"
        for (_, lines), output in zip(steps, outputs, strict=True)
        for line in lines
        if not printed(line, output)
    ]
    assert not missing, "\n".join(missing)
