"""Where the numbers come from: tables that the page tells in its text.

They are not written as CSV files.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panelstream.analysis.report.input import ReportInput
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
            "unchanged": bool(plan["locked"]),
        }
        for version, lock in enumerate(locks, start=1)
    ]
    return Table(
        name="plan_locks",
        title="Locks of the plan",
        caption="When the plan was locked, and how many responses had come in.",
        exact=pd.DataFrame(rows),
        columns=(
            TableColumn("version", Ordinal(range(1, len(locks) + 1))),
            *columns(Label(), "plan_hash", "locked_on"),
            TableColumn("responses", Count("responses")),
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
