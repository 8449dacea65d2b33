"""`coverage`: by function and week what is known, and what is not and why."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from panelstream.flows.commands.app import (
    SHOWN,
    AsOfOption,
    JsonOption,
    StudyOption,
    app,
    parse_instant,
    read_settings,
    show,
)

if TYPE_CHECKING:
    from panelstream.flows.coverage import CoveredWeek, StudyCoverage
    from panelstream.models.study.coverage_gaps import CoverageGap

_MISSING = 0.5e-6 / 86_400
"""Days: less than the shortest time that can be missing."""


@app.command()
def coverage(
    study: StudyOption = None, as_of: AsOfOption = None, as_json: JsonOption = False
) -> None:
    """Show when the log of each function is complete: weeks, gaps and their causes.

    One sign a week, from the first window of use to the last: █ covered, ▒ in part,
    ░ not. Each gap with its cause and the windows that it makes null.
    Example: [bold]panelstream coverage --study study1[/bold]
    """
    from panelstream.flows.coverage import read_coverage
    from panelstream.flows.workspace import open_workspace

    with (
        open_workspace(read_settings(study)) as workspace,
        show.working("Reading the log"),
    ):
        covered = read_coverage(workspace, parse_instant(as_of))
    if as_json:
        show.json(covered.as_dict())
        return
    for line in (*coverage_strips(covered), *covered.summary.lines()):
        show.say(line)
    if covered.gaps:
        show.out.print(_gap_table(covered.gaps[:SHOWN]))
    if len(covered.gaps) > SHOWN:
        show.say(f"and {len(covered.gaps) - SHOWN:,} more gaps; --json has all")


def coverage_strips(covered: "StudyCoverage") -> Iterator[str]:
    """A line for each function with a sign a week and its covered days."""
    weeks = covered.weeks
    if not weeks:
        yield "coverage: no window of use yet"
        return
    yield f"weeks from {weeks[0].week} to {weeks[-1].week}, {covered.windows:,} windows"
    total = sum(week.days for week in weeks)
    width = max(map(len, weeks[0].covered))
    for function in weeks[0].covered:
        signs = "".join(_sign(week, function) for week in weeks)
        days = sum(week.covered[function] for week in weeks)
        yield f"{function:<{width}}  {signs}  {days:,.1f} of {total:,.1f} days"


def _sign(week: "CoveredWeek", function: str) -> str:
    covered = week.covered[function]
    if covered > week.days - _MISSING:
        return "█"
    return "▒" if covered > 0 else "░"


def _length(gap: "CoverageGap") -> str:
    if gap.person_days is None:
        return f"{gap.days:,.6g}"
    return f"{gap.person_days:,.6g} person-days"


def _gap_table(gaps: "Sequence[CoverageGap]") -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("function", "cause", "from", "until"):
        table.add_column(name)
    for name in ("days", "people", "windows null"):
        table.add_column(name, justify="right")
    for gap in gaps:
        table.add_row(
            gap.function,
            gap.cause,
            *(f"{at:%Y-%m-%d %H:%M:%SZ}" for at in (gap.start, gap.end)),
            _length(gap),
            "all" if gap.people is None else f"{gap.people:,}",
            f"{gap.windows:,}",
        )
    return table
