"""Where the numbers come from: tables that the page tells in its text.

They are not written as CSV files.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.layout import Layout, column
from panelstream.analysis.report.table import (
    Cell,
    Count,
    Label,
    Ordinal,
    Table,
    TableColumn,
    Total,
    columns,
)

_FACTS = (
    "as_of",
    "clock_corrections",
    "code_hash",
    "data_hash",
    "epochs",
    "plan",
    "study",
    "study_version",
    "versions",
)
"""Keys of the manifest that are facts of the study and of the program, not of people."""

_ACCEPTED = ("stored", "duplicate", "conflicting")


def event_counts(data: ReportInput) -> Table:
    """What became of the events received, in one row.

    Received is accepted, rejected and refused; accepted is stored, duplicate and
    conflicting. Both are wholes; `accepted` is shown as the total of its parts.
    """
    counts = data.manifest.get("counts", {})
    parts = {name: counts.get(name) for name in ("rejected", "refused", *_ACCEPTED)}
    row = {**parts, "accepted_as_part": counts.get("accepted")}
    received = Cell("received", by=())
    return Table(
        name="event_counts",
        title="Events",
        caption="What became of the events received.",
        exact=pd.DataFrame([row] if counts else []),
        columns=(
            *columns(Total(), "received", "accepted"),
            *columns(received, "rejected", "refused"),
            *columns(Cell("accepted", by=()), *_ACCEPTED),
        ),
        internal=(TableColumn("accepted_as_part", received),),
    )


def plan_locks(data: ReportInput) -> Table:
    """Every lock of the plan, the earliest first, with the responses of that day.

    `unchanged`: whether the plan is still as it was locked last.
    """
    plan = data.manifest.get("plan", {})
    locks = plan.get("locks", [])
    rows = [
        {
            "version": version,
            "plan_hash": lock["hash"],
            "locked_on": lock["locked_at"][:10],
            "responses": lock["responses"],
            "given": sum(lock["given"].values()) if "given" in lock else None,
            "unchanged": bool(plan["locked"]),
        }
        for version, lock in enumerate(locks, start=1)
    ]
    return Table(
        name="plan_locks",
        title="Locks of the plan",
        caption="When the plan was locked, and how many responses had come in by then;"
        " how many had been given.",
        exact=pd.DataFrame(rows),
        columns=(
            TableColumn("version", Ordinal(range(1, len(locks) + 1))),
            *columns(Label(), "plan_hash", "locked_on"),
            *columns(Count("responses"), "responses", "given"),
            TableColumn("unchanged", Label()),
        ),
    )


def plan_deviations(data: ReportInput) -> Table:
    """What of the plan is not as it was locked."""
    deviations = data.manifest.get("plan", {}).get("deviations", [])
    rows = [
        {
            "key": deviation["key"],
            "change": " \u2192 ".join(
                deviation[end] or "not there" for end in ("before", "after")
            ),
        }
        for deviation in deviations
    ]
    return Table(
        name="plan_deviations",
        title="Changes of the plan",
        caption="Since it was locked.",
        exact=pd.DataFrame(rows),
        columns=columns(Label(), "key", "change"),
    )


def plan_post_hoc(data: ReportInput) -> Table:
    """The confirmatory specifications, with outcomes, that were locked after answers."""
    names = data.manifest.get("plan", {}).get("post_hoc", [])
    return Table(
        name="plan_post_hoc",
        title="Post hoc",
        caption="Locked after the first answer to the outcome.",
        exact=pd.DataFrame({"specification": names}),
        columns=columns(Label(), "specification"),
    )


def plan_changes(data: ReportInput) -> Table:
    """What decides use and scores, where it changed after a lock."""
    changes = data.manifest.get("plan", {}).get("changes", [])
    rows = [
        {
            "key": change["key"],
            "change": f"{change['before'] or 'not there'} \u2192"
            f" {change['after'] or 'not there'}, since version {change['version']};"
            f" it touches {change['touches']}",
        }
        for change in changes
    ]
    return Table(
        name="plan_changes",
        title="Changes of what decides use and scores",
        caption="Since the plan was locked.",
        exact=pd.DataFrame(rows),
        columns=columns(Label(), "key", "change"),
    )


def locks_and_waves(data: ReportInput) -> Table:
    """Every lock beside every wave: when it was open, and whether answers came first.

    The time of the first answer is of one person, so it is not shown.
    """
    plan = data.manifest.get("plan", {})
    locks, waves = plan.get("locks", []), plan.get("waves", [])
    rows = [
        {
            "version": version,
            "locked_on": lock["locked_at"][:10],
            "wave": wave["wave"],
            "open": wave["open"],
            "first_answer": _order(lock, wave),
            "given": lock["given"].get(str(wave["wave"]), 0),
        }
        for version, lock in enumerate(locks, start=1)
        for wave in waves
    ]
    return Table(
        name="locks_and_waves",
        title="The lock beside the waves",
        caption="Whether the plan was locked before the first answer of each wave, and"
        " how many people had answered it by then, as far as is known now.",
        exact=pd.DataFrame(rows),
        columns=(
            TableColumn("version", Ordinal(range(1, len(locks) + 1))),
            TableColumn("locked_on", Label()),
            TableColumn("wave", Ordinal([wave["wave"] for wave in waves])),
            *columns(Label(), "open", "first_answer"),
            TableColumn("given", Count("people who had answered")),
        ),
        layout=Layout(
            (
                column("Version", "count", "version"),
                column("Locked on", "word", "locked_on"),
                column("Wave", "count", "wave"),
                column("Open", "word", "open"),
                column("First answer", "word", "first_answer"),
                column("Had answered", "count", "given"),
            )
        ),
    )


def _order(lock: Mapping[str, Any], wave: Mapping[str, Any]) -> str:
    first = wave["first_answer"]
    if first is None:
        return "none yet"
    early = datetime.fromisoformat(first) < datetime.fromisoformat(lock["locked_at"])
    return "before the lock" if early else "after the lock"


def coverage_gaps(data: ReportInput) -> Table:
    """What made use unknown in some window; words only, as single people may be behind it."""
    coverage = data.manifest.get("coverage", {})
    words = {
        "dead letters": "events that were rejected and not sent again",
        "conflicts": "events whose id another event had first",
        "catalogue": "events whose type had another function when they were stored",
        "log gap": "records that the stream lost",
        "silent device": "devices that were silent",
        "refused acts": "acts that were refused before a new consent was recorded",
        "no heartbeat": "no statement of the platform that its log is complete",
        "not over": "windows that were not over",
    }
    causes = coverage.get("null_windows", {})
    rows = [
        {"cause": words[cause], "functions": _functions(cause, coverage)}
        for cause in words
        if cause in causes
    ]
    return Table(
        name="coverage_gaps",
        title="Use that is not known",
        caption="Why use in some windows is not known.",
        exact=pd.DataFrame(rows),
        columns=columns(Label(), "cause", "functions"),
    )


def _functions(cause: str, coverage: Mapping[str, Any]) -> str:
    of_letters = coverage["letter_functions"] if cause == "dead letters" else []
    return ", ".join(of_letters) or "some functions"


def facts(data: ReportInput) -> Table:
    """What the results depend on."""
    manifest = {name: data.manifest[name] for name in data.manifest if name in _FACTS}
    if not manifest.get("clock_corrections"):
        manifest.pop("clock_corrections", None)
    if "plan" in manifest:
        manifest["plan"] = manifest["plan"]["hash"]
    rows = [
        {"fact": name.replace("_", " "), "value": _text(value)}
        for name, value in manifest.items()
    ]
    return Table(
        name="facts",
        title="Provenance",
        caption="What the results depend on.",
        exact=pd.DataFrame(rows),
        columns=columns(Label(), "fact", "value"),
    )


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return "\u2013" if value in (None, "") else str(value)
