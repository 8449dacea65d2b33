"""What commands show: one console for results, one for trouble and progress."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

    from panelstream.analysis.estimation.estimates import Results
    from panelstream.analysis.panel.participation import Participation
    from panelstream.analysis.verdicts.preregistration import PlanStatus
    from panelstream.flows.demo.recovery import Summary
    from panelstream.flows.imports import WaveImport
    from panelstream.flows.inspection import ArrivalReport
    from panelstream.flows.status import Status
    from panelstream.ingest.collector.tokens import Token
    from panelstream.ingest.events.files import Source
    from panelstream.ingest.kafka.clients import Topic
    from panelstream.ingest.surveys.formats.importer import ImportSummary
    from panelstream.models.events.event import Counts, Rejection

SHOWN = 20
"""Rows of a list that are shown; the rest are counted."""
WAVES_ABREAST = 6
"""Waves that stand beside each other in 80 columns."""
COUNTS = (
    "eligible",
    "invited",
    "consented",
    "started",
    "complete",
    "partial",
    "early",
    "late",
    "duplicates",
    "not_counted",
)
LONGEST_HEADER = 60
"""Characters of a header that are shown."""
PIPED_WIDTH = 240
"""Columns of a table that no terminal bounds."""


class Display:
    """Prints for people, or JSON for programs; progress goes to stderr.

    `quiet`: neither progress nor notes.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.out = Console(highlight=False, soft_wrap=True)
        if not self.out.is_terminal:
            self.out.width = PIPED_WIDTH
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """One line of result."""
        self.out.print(line, markup=False)

    def note(self, line: str) -> None:
        """One line about what is going on."""
        if not self.quiet:
            self.err.print(line, markup=False)

    def text(self, text: str) -> None:
        """A text to be kept as it is."""
        sys.stdout.write(text)

    def error(self, line: str) -> None:
        """One line of trouble."""
        self.err.print(f"panelstream: {line}", markup=False, style="red")

    def json(self, value: Any) -> None:
        """A value for programs."""
        sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")

    @contextmanager
    def reading(self) -> Iterator[Callable[["Source", int], None]]:
        """Progress over files by bytes read."""
        with self._progress(BarColumn(), DownloadColumn()) as progress:
            tasks: dict[str, TaskID] = {}

            def advance(source: "Source", done: int) -> None:
                if source.path not in tasks:
                    total = source.size or None
                    tasks[source.path] = progress.add_task(source.name, total=total)
                progress.update(tasks[source.path], completed=done)

            yield advance

    @contextmanager
    def steps(self, what: str) -> Iterator[Callable[[float, int], None]]:
        """Progress over work of so many steps."""
        with self._progress(BarColumn(), MofNCompleteColumn()) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """A spinner over work without steps."""
        with self._progress(SpinnerColumn()) as progress:
            progress.add_task(what, total=None)
            yield

    def _progress(self, *columns: ProgressColumn) -> Progress:
        """Progress that a person sees and a log does not."""
        return Progress(
            TextColumn("{task.description}"),
            *columns,
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
            disable=self.quiet or not self.err.is_terminal,
        )

    def arrival(self, report: "ArrivalReport", as_json: bool) -> None:
        """What became of the events of an ingest."""
        if as_json:
            self.json(report.as_dict())
            return
        arrived, whole = report.arrived, report.warehouse
        self.say(
            f"received {arrived.received:,} = accepted {arrived.accepted:,}"
            f" + rejected {arrived.rejected:,} + refused {arrived.refused:,}"
        )
        self.say(
            f"warehouse: accepted {whole['accepted']:,} = stored {whole['stored']:,}"
            f" + duplicate {whole['duplicate']:,} + conflicting {whole['conflicting']:,}"
        )
        if arrived.rejected:
            self._rejections(arrived)

    def _rejections(self, arrived: "Counts") -> None:
        reasons = (f"{name} {count:,}" for name, count in arrived.reasons.items())
        self.say(f"rejected: {', '.join(reasons)}")
        for one in arrived.rejections[:SHOWN]:
            self.rejection(one)
        if arrived.rejected > SHOWN:
            self.say(
                '  … the rest: panelstream query "SELECT * FROM dead_letters FINAL"'
            )

    def rejection(self, one: "Rejection") -> None:
        """Where an event was, and why it was rejected."""
        place = one.position
        index = "" if place.index is None else f"[{place.index}]"
        where = f"{place.origin}:{place.line}{index}"
        self.say(f"  {where}  {one.reason}  {one.field}".rstrip())

    def checking(self, parts: Iterable["Counts"], as_json: bool) -> "Counts":
        """What would become of events: each rejection as it is found, then the sum."""
        from panelstream.models.events.event import Counts

        counts = Counts()
        for part in parts:
            counts += part
            for one in () if as_json else part.rejections:
                self.rejection(one)
        if as_json:
            self._checked(counts)
        else:
            self.say(
                f"{counts.received:,} events: {counts.accepted:,} would be accepted, "
                f"{counts.rejected:,} rejected"
            )
        return counts

    def _checked(self, counts: "Counts") -> None:
        said = asdict(counts)
        rejections = [one | one.pop("position") for one in said.pop("rejections")]
        del said["refused"]
        self.json({"received": counts.received, **said, "rejections": rejections})

    def tokens(self, tokens: Sequence["Token"], as_json: bool) -> None:
        """Tokens by name; their hashes are nobody's business."""
        if as_json:
            names = ("token", "source", "made_on")
            self.json([{n: getattr(one, n) for n in names} for one in tokens])
            return
        for one in tokens:
            self.say(f"{one.token}  {one.source}  made on {one.made_on}")
        self.say(f"{len(tokens)} tokens")

    def imported(self, held: "WaveImport", dry_run: bool, as_json: bool) -> None:
        """What an import of answers understood, and what of it is new."""
        imported, revision = held.imported, held.revision
        if as_json:
            self.json(
                {
                    **asdict(imported.summary),
                    "file": imported.summary.origin,
                    "wave": imported.wave,
                    "responses": imported.responses,
                    "answers": imported.answers.num_rows,
                    **revision.responses,
                    "refused": revision.refused,
                    "early": held.early,
                    "late": held.late,
                    "outside_wave": held.outside,
                    "not_enrolled": held.not_enrolled,
                    "set_apart": [vars(one) for one in imported.set_apart],
                    "stored": not dry_run,
                    "import_id": held.import_id,
                }
            )
            return
        for line in _summary_lines(imported.summary):
            self.say(line)
        verb = "would store" if dry_run else "stored"
        self.say(
            f"{imported.summary.origin} ({imported.summary.format}): {verb} {imported.responses} responses, "
            f"{imported.answers.num_rows} answers for wave {imported.wave}"
        )
        for line in _news(held):
            self.say(f"  {line}")
        for one in imported.set_apart[:SHOWN]:
            self.say(f"  set apart: row {one.row}, {one.column}: {one.problem}")
        if len(imported.set_apart) > SHOWN:
            self.say(f"  … {len(imported.set_apart) - SHOWN} more")

    def status(self, found: "Status", as_json: bool) -> None:
        """A study as it stands, in 80 columns: a column a wave, a few waves at a time."""
        if as_json:
            self.json(found.as_dict())
            return
        for begin in range(0, len(found.waves), WAVES_ABREAST):
            self.out.print(_waves(found, found.waves[begin : begin + WAVES_ABREAST]))
        for line in _people(found):
            self.say(line)
        for one in found.imports[:SHOWN]:
            back = "  taken back" if one["retracted"] else ""
            self.say(
                f"  {one['import_id']}  {one['origin']}  wave {one['wave']}  "
                f"{one['responses']:,} responses{back}"
            )
        if len(found.imports) > SHOWN:
            self.say(f"  … {len(found.imports) - SHOWN} more")

    def analysis(self, results: "Results", place: str) -> None:
        """What has no number and why, and where the results are."""
        without = results.estimates[results.estimates["estimate"].isna()]
        for note, rows in without.groupby("note", sort=False):
            names = sorted(set(rows["specification"] + " of " + rows["outcome"]))
            shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
            self.say(f"{note}: {shown}")
        self.say(place)

    def plan(self, plan_status: "PlanStatus", as_json: bool = False) -> None:
        """The plan's locks, what stands of the last, and what does not."""
        if as_json:
            self.json(plan_status.as_dict())
            return
        for version, one in enumerate(plan_status.locks, start=1):
            self.say(
                f"version {version}, {one.hash}: locked {one.locked_at.isoformat()}, "
                f"when {one.responses:,} responses had come in"
            )
        for line in plan_status.lines():
            self.say(line)

    def demonstration(self, summary: "Summary") -> None:
        """The planted truth beside the estimates."""
        table = Table(
            title="Planted and estimated: points per active day a week more (within a person)"
        )
        for column in (
            "outcome",
            "exposure",
            "planted",
            "estimate",
            "95 % interval",
            "verdict",
        ):
            table.add_column(
                column,
                justify="left"
                if column in ("outcome", "exposure", "verdict")
                else "right",
            )
        for row in summary.rows:
            inside = "" if row.low <= row.planted <= row.high else "  (outside)"
            table.add_row(
                row.outcome,
                row.exposure,
                f"{row.planted:.2f}",
                f"{row.estimate:.2f}",
                f"{row.low:.2f} to {row.high:.2f}{inside}",
                row.verdict,
            )
        self.out.print(table)
        self.say(
            f"{summary.covered} of {len(summary.rows)} intervals hold the planted value"
        )
        self.say(f"from files to report in {summary.seconds:.1f} s")
        self.say(f"report: {summary.report}")

    def letters(self, letters: Sequence[Mapping[str, Any]], as_json: bool) -> None:
        """Rejected events by place, and how many there are."""
        if as_json:
            self.json(letters)
            return
        for letter in letters:
            self.say(_letter(letter))
        self.say(f"{len(letters):,} dead letters")

    def topics(self, topics: Sequence["Topic"], as_json: bool) -> None:
        """Topics as they are."""
        if as_json:
            self.json([asdict(one) for one in topics])
            return
        for one in topics:
            settings = ", ".join(
                f"{name} {one.settings[name]}" for name in one.settings
            )
            self.say(
                f"{one.name}: partitions {one.partitions}, copies {one.replication}, "
                f"{settings}"
            )

    def table(self, rows: "pa.Table", as_json: bool) -> None:
        """The answer to a query."""
        if as_json:
            self.json(rows.to_pylist())
            return
        table = Table()
        for name in rows.column_names:
            table.add_column(name, overflow="fold")
        for row in rows.to_pylist():
            table.add_row(
                *("" if value is None else str(value) for value in row.values())
            )
        self.out.print(table)


def _letter(letter: Mapping[str, Any]) -> str:
    index = "" if letter["batch_index"] is None else f"[{letter['batch_index']}]"
    place = f"{letter['origin']}:{letter['line']}{index}"
    return f"{place}  {letter['reason']}  {letter['field']}".rstrip()


def _waves(found: "Status", waves: Sequence["Participation"]) -> Table:
    """One row a count, one column a wave."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for one in waves:
        table.add_column(f"wave {one.wave}", justify="right")
    for name in COUNTS:
        table.add_row(
            name.replace("_", " "), *(f"{getattr(one, name):,}" for one in waves)
        )
    for name, counts in (
        ("not enrolled", found.not_enrolled),
        ("set apart", found.set_apart),
    ):
        table.add_row(name, *(f"{counts.get(one.wave, 0):,}" for one in waves))
    for name in ("response_rate", "attrition"):
        shares = (getattr(one, name) for one in waves)
        shown = ("-" if one is None else f"{one:.0%}" for one in shares)
        table.add_row(name.replace("_", " "), *shown)
    return table


def _people(found: "Status") -> Iterator[str]:
    """Who is enrolled and who agreed to what, a line each."""
    yield f"enrolled {found.enrolled:,}, of whom {found.agreed:,} agree today"
    for name, counts in (
        ("agreed to", found.scopes),
        ("version", found.versions),
        ("withdrawn from", found.withdrawn),
        ("left out as", found.accounts),
    ):
        if any(counts.values()):
            shown = (f"{key} {count:,}" for key, count in counts.items() if count)
            yield f"{name}: {', '.join(shown)}"
    if found.imports:
        yield "imports:"


def _news(held: "WaveImport") -> Iterator[str]:
    """What of an import is new, and what the coordinator should look at."""
    wave, counts = held.imported.wave, held.revision.responses
    if counts["changed"] or counts["unchanged"]:
        yield (
            f"{counts['added']} new, {counts['changed']} changed, "
            f"{counts['unchanged']} unchanged"
        )
    if counts["moved"]:
        yield f"{counts['moved']} moved here from another wave"
    if held.outside:
        yield (
            f"{held.outside} of them were sent while wave {wave} was not open "
            f"({held.early} early, {held.late} late); is it the right wave?"
        )
    if held.not_enrolled:
        rows = ", ".join(map(str, held.not_enrolled[:SHOWN]))
        more = ", …" if len(held.not_enrolled) > SHOWN else ""
        number = len(held.not_enrolled)
        yield f"{number} responses of people who are not enrolled: row {rows}{more}"
    if held.revision.refused:
        yield (
            f"{held.revision.refused} responses not stored: given after a withdrawal "
            f"from collection"
        )


def _summary_lines(file: "ImportSummary") -> Iterator[str]:
    """What was recognised in a file of answers, a line each."""
    yield (
        f"{file.origin}: {file.format}, {file.variant}; {file.encoding}; "
        f"{file.rows} rows; times in {file.timezone}"
    )
    counted = [
        f"{name} {number}{_coding(file.coding.get(name))}"
        for name, number in file.items.items()
    ]
    yield f"  items: {', '.join(counted) or 'none'}"
    excluded = [f"{reason} {number}" for reason, number in file.excluded.items()]
    for what, names in (
        ("left out", excluded),
        ("dropped as personal data", file.dropped),
        ("ignored", file.ignored),
    ):
        if names:
            yield f"  {what}: {', '.join(map(_in_short, names))}"


def _coding(declared: str | None) -> str:
    return f" (coded {declared})" if declared else ""


def _in_short(header: str) -> str:
    """A header in one line; the title of a question may be a page."""
    line = " ".join(header.split())
    return line if len(line) <= LONGEST_HEADER else f"{line[:LONGEST_HEADER]}…"
