"""`status`: a study as it stands, in 80 columns."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from panelstream.flows.commands.app import (
    JsonOption,
    StudyOption,
    app,
    read_settings,
    show,
)

if TYPE_CHECKING:
    from panelstream.flows.status import Status

WAVES_PER_TABLE = 5
"""Waves beside each other in 80 columns, with their dates."""
DATES = ("opens_on", "closes_on", "days_left")
COUNTS = (
    "eligible",
    "invited",
    "consented",
    "started",
    "complete",
    "partial",
    "unusable",
    "early",
    "late",
    "duplicates",
    "not_counted",
)
"""The counts of a wave that `status` shows, in order."""
_CHANGES: Mapping[str, str] = {
    "added": "new",
    "changed": "revised",
    "moved": "moved",
    "unchanged": "unchanged",
    "gone": "gone",
    "refused": "refused",
    "set_apart": "set apart",
}
"""What an import did, by column of the ledger."""
SHARES = ("response_rate", "attrition")


@app.command()
def status(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """Count who answered, who is missing, and who agreed to what, wave by wave.

    Also until when events have come in, what was set apart or not asked, and the imports.
    Example: [bold]panelstream status[/bold]
    """
    from panelstream.flows.status import read_status
    from panelstream.flows.workspace import open_workspace

    with (
        open_workspace(read_settings(study)) as workspace,
        show.working("Counting people"),
    ):
        counts = read_status(workspace)
    show_status(counts, as_json)


def show_status(status: "Status", as_json: bool) -> None:
    """Show a study's counts: a column a wave, a few waves at a time, then lines."""
    if as_json:
        show.json(status.as_dict())
        return
    for begin in range(0, len(status.waves), WAVES_PER_TABLE):
        show.out.print(_wave_table(status, slice(begin, begin + WAVES_PER_TABLE)))
    for lines in (
        _people_lines,
        _match_lines,
        _event_lines,
        _not_asked_lines,
        _set_apart_lines,
        _import_lines,
    ):
        for line in lines(status):
            show.say(line)


def _wave_table(status: "Status", part: slice) -> Table:
    """One row a date, count or share; one column a wave."""
    waves, dates = status.waves[part], status.dates[part]
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for wave in waves:
        table.add_column(f"wave {wave.wave}", justify="right")
    for name in DATES:
        days = (getattr(of_wave, name) for of_wave in dates)
        table.add_row(_words(name), *map(_or_dash, days))
    for name in COUNTS:
        table.add_row(_words(name), *(f"{getattr(wave, name):,}" for wave in waves))
    for name, counts in (
        ("not enrolled", status.not_enrolled),
        ("set apart", status.set_apart),
        ("not asked", {wave: len(items) for wave, items in status.not_asked.items()}),
    ):
        table.add_row(name, *(f"{counts.get(wave.wave, 0):,}" for wave in waves))
    for name in SHARES:
        shares = (getattr(wave, name) for wave in waves)
        cells = ("-" if share is None else f"{share:.0%}" for share in shares)
        table.add_row(_words(name), *cells)
    return table


def _people_lines(status: "Status") -> Iterator[str]:
    """Who is enrolled and who agreed to what, a line each."""
    declined = f", {status.declined:,} declined a scope" if status.declined else ""
    yield f"enrolled {status.enrolled:,}, of whom {status.agreed:,} agree today{declined}"
    for name, counts in (
        ("agreed to", status.scopes),
        ("version", status.versions),
        ("withdrawn from", status.withdrawn),
        ("left out as", status.accounts),
    ):
        if any(counts.values()):
            texts = (f"{key} {count:,}" for key, count in counts.items() if count)
            yield f"{name}: {', '.join(texts)}"


def _match_lines(status: "Status") -> Iterator[str]:
    """Whether people of the roster and of the events are the same."""
    if status.newest_event and status.without_event:
        yield f"enrolled without any event: {status.without_event:,}"
    if status.events_not_enrolled:
        yield (
            f"events of people who are not enrolled: {status.events_not_enrolled:,} "
            "people; add them to the roster, or as test or staff accounts"
        )
    if status.nearly_enrolled:
        yield (
            f"{status.nearly_enrolled:,} of them have an id that differs only by case, "
            "blanks, hyphens or leading zeros from an enrolled id: write the id in the "
            "roster as the platform does, or join both with 'panelstream people merge'"
        )


def _event_lines(status: "Status") -> Iterator[str]:
    """How fresh the events are, and until when the log is known to be complete."""
    newest = _minute(status.newest_event) if status.newest_event else "none yet"
    yield f"newest event: {newest}"
    if status.events_before_opening:
        yield (
            f"events before the platform's first day: {status.events_before_opening:,}; "
            "nobody enrols by them. Is 'platform_opened' in study.yaml right, and the "
            "sender's clock?"
        )
    functions: dict[str, list[str]] = defaultdict(list)
    for function, until in status.covered_until.items():
        functions[_minute(until)].append(function)
    for minute, names in sorted(functions.items()):
        yield f"log complete until {minute}: {', '.join(names)}"
    yield from status.coverage.lines()
    yield from (clock.line for clock in status.clocks)


def _not_asked_lines(status: "Status") -> Iterator[str]:
    """Items that no response of a wave holds: their scores are empty."""
    from panelstream.flows.import_lines import name_runs

    for wave, items in status.not_asked.items():
        if items:
            yield f"not asked in wave {wave}: {name_runs(items)}"


def _set_apart_lines(status: "Status") -> Iterator[str]:
    """What was set apart in files whose rows tell their waves."""
    if number := status.set_apart.get(0):
        yield f"set apart in files of all waves: {number:,}"


def _import_lines(status: "Status") -> Iterator[str]:
    """Every import, the newest first; a line begins with the id that `retract` takes."""
    if status.imports:
        yield "imports:"
    for record in status.imports:
        yield f"  {_import_line(record)}"


def _import_line(record: Mapping[str, Any]) -> str:
    """Id, file, source and wave of an import, what it brought, and whether it holds."""
    number = record["selection"] or record["wave"]
    wave = f"wave {number}" if number else "all waves"
    counts = [f"{record[k]:,} {word}" for k, word in _CHANGES.items() if record[k]]
    retracted = "  retracted" if record["retracted"] else ""
    return (
        f"{record['import_id']}  {record['origin']}  source {record['name']}  {wave}  "
        f"{record['responses']:,} responses: {', '.join(counts) or 'none'}{retracted}"
    )


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}".strip()


def _words(name: str) -> str:
    return name.replace("_on", "").replace("_", " ")


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
