"""The text of the page: what released tables say, in sentences."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from panelstream.analysis.report.numerals import (
    decimals_for,
    number,
    p_text,
    released_count,
)
from panelstream.analysis.report.release import REDACTED, ReleasedTable
from panelstream.analysis.report.units import POINTS, outcome_scale
from panelstream.analysis.verdicts.verdicts import (
    FEEDBACK,
    LEAD,
    NOT_ESTIMATED,
    TOO_FEW,
    VERDICTS,
)
from panelstream.models.study.study import Study

_DIFFERENCES = {
    "days_per_week": "on one more day a week than usual for the same person",
    "days": "on one more day than usual for the same person",
    "count": "once more than usual for the same person",
    "frequency": "one frequency step above what is usual for the same person",
}
_DYNAMIC = {
    "gmm": "Dynamic panel model",
    "ri_clpm": "Cross-lagged model",
}
"""Presets that answer what a lead casts doubt on."""

_FEW = 20
"""Degrees of freedom below which a decimal is said."""

_MANY_AT_FLOOR = 15.0
"""Percent of answers at the lowest score that is called a floor effect (Terwee et al.
2007, J. Clin. Epidemiol. 60(1))."""
_EVENTS = (
    "received",
    "accepted",
    "rejected",
    "refused",
    "stored",
    "duplicate",
    "conflicting",
)


@dataclass(frozen=True)
class Finding:
    """A planned association in a sentence, with its verdict; why, if it has none."""

    outcome: str
    exposure: str
    sentence: str
    verdict: str
    reason: str
    title: str = ""
    remarks: str = ""

    @property
    def pair(self) -> str:
        """What was to be associated, and why it could not be told."""
        title = f" ({self.title})" if self.title else ""
        return f"{self.exposure} and {self.outcome}{title}{self.reason}"


def question(study: Study, labels: Mapping[str, str]) -> str:
    """What the study asks, in one sentence."""
    planned = study.plan.confirmatory
    exposures = [e for p in planned for e in (*p.exposures, *p.exposures_each)]
    outcomes = [o for p in planned for o in p.outcomes] or study.outcomes
    functions = _listed(_named(exposures or study.exposure.functions, labels))
    return (
        f"Is measured use of {functions} associated, over time and within the same"
        f" people, with {_listed(_named(outcomes, labels))}?"
    )


def findings(
    planned: ReleasedTable | None,
    labels: Mapping[str, str],
    checks: ReleasedTable | None = None,
) -> tuple[Finding, ...]:
    """A sentence per within-person estimate of the confirmatory table.

    `checks` is the table of sensitivity. Where one function and outcome stand in two
    specifications, each carries its title.
    """
    if planned is None:
        return ()
    rows = _within(planned.frame)
    varied = _within(checks.frame) if checks else rows.iloc[:0]
    repeated = rows.duplicated(["outcome", "exposure"], keep=False)
    return tuple(
        _finding(row, labels, varied, collides)
        for (_, row), collides in zip(rows.iterrows(), repeated, strict=True)
    )


def _within(estimates: pd.DataFrame) -> pd.DataFrame:
    named = estimates["exposure"].notna()
    return estimates.loc[named & (estimates["component"] == "within")]


def by_outcome(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """The findings under their outcomes."""
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(finding.outcome, []).append(finding)
    return grouped


def summary(findings: Iterable[Finding]) -> list[tuple[str, int, list[str]]]:
    """Each verdict with how often it was reached and for what, the firmest first."""
    pairs: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for finding in findings:
        pairs.setdefault(finding.verdict, []).append(finding.pair)
    return [(verdict, len(names), names) for verdict, names in pairs.items() if names]


def plan_lines(
    locks: ReleasedTable | None, post_hoc: ReleasedTable | None = None
) -> list[str]:
    """Whether the plan is locked, since when, what of it is post hoc or has changed."""
    if locks is None:
        return ["The plan is not locked: nothing here is confirmatory."]
    frame = locks.frame
    lines = [_locked(lock) for _, lock in frame.iterrows()]
    if not frame["unchanged"].all():
        lines.append(
            "The plan is not as it was locked: what was changed or added is exploratory."
        )
    if post_hoc is not None:
        names = ", ".join(post_hoc.frame["specification"])
        lines.append(
            f"Locked after the first answer to the outcome, and so post hoc: {names}."
        )
    return lines


def event_lines(counts: ReleasedTable | None) -> list[tuple[str, str]]:
    """What became of the events received: each name with its number."""
    if counts is None:
        return []
    [row] = counts.frame.to_dict("records")
    return [(name, released_count(row[name])) for name in _EVENTS]


def _locked(lock: "pd.Series[Any]") -> str:
    time = "before any response was given"
    if lock["responses"] != 0:
        time = f"after {released_count(lock['responses'])} responses had come in"
    if not pd.isna(lock["given"]) and lock["given"] != 0:
        time = f"after {released_count(lock['given'])} responses had been given"
    return (
        f"Version {lock['version']} of the plan ({lock['plan_hash']}) was locked on"
        f" {lock['locked_on']}, {time}."
    )


def _finding(
    row: "pd.Series[Any]",
    labels: Mapping[str, str],
    checks: pd.DataFrame,
    collides: bool,
) -> Finding:
    outcome, exposure = (labels.get(row[c], row[c]) for c in ("outcome", "exposure"))
    return Finding(
        outcome,
        exposure,
        _sentence(row, outcome),
        _verdict(row),
        _reason(row),
        title=_stated(row["title"]) if collides else "",
        remarks=" ".join(_remarks(row, checks)),
    )


def _remarks(row: "pd.Series[Any]", checks: pd.DataFrame) -> Iterator[str]:
    """What must be known beside the verdict: people, lead, floor, time of the lock."""
    if row["estimate"] == REDACTED:
        return
    if pd.notna(row["n_changing"]) and pd.notna(row["df"]):
        people, df = released_count(row["n_changing"]), float(row["df"])
        yield f"{people} people changed; effective df {number(df, int(df < _FEW))}."
    if reservations := _stated(row["reservations"]):
        yield f"{reservations.capitalize()}."
    yield from _lead(row, checks)
    if row["verdict"] == FEEDBACK:
        yield from _answers(row, checks)
    share = row.get("at_floor_percent")
    if pd.notna(share) and share != REDACTED and float(share) >= _MANY_AT_FLOOR:
        yield f"{float(share):.0f}\u202f% of the answers are at the lowest score."
    if row.get("post_hoc") is True or row.get("post_hoc") == "True":
        yield "Post hoc: locked after the first answer to this outcome."


def _lead(row: "pd.Series[Any]", checks: pd.DataFrame) -> Iterator[str]:
    """The same function's use of the next wave, which should go with nothing."""
    for _, lead in _checks(row, checks, LEAD).iterrows():
        yield f"Use of the next wave, a placebo: {_interval(lead)}."


def _answers(row: "pd.Series[Any]", checks: pd.DataFrame) -> Iterator[str]:
    """What models say in which the outcome may lead to use."""
    for preset, name in _DYNAMIC.items():
        for _, answer in _checks(row, checks, preset).iterrows():
            if preset == "gmm" or answer["timing"] == "same":
                yield f"{name}, in which the outcome may lead to later use: {_interval(answer)}."


def _checks(row: "pd.Series[Any]", checks: pd.DataFrame, preset: str) -> pd.DataFrame:
    """The released checks of an estimate by one preset that have a number."""
    name = f"{row['specification']}.{preset}"
    same = (checks["specification"] == name) & (checks["outcome"] == row["outcome"])
    same &= (checks["exposures"] == row["exposures"]) & (
        checks["exposure"] == row["exposure"]
    )
    numbers = pd.to_numeric(checks["estimate"], errors="coerce").notna()
    rows: pd.DataFrame = checks.loc[same & numbers]
    return rows


def _interval(row: "pd.Series[Any]") -> str:
    low, high = float(row["ci_low"]), float(row["ci_high"])
    decimals = decimals_for(high - low)
    values = (float(row["estimate"]), low, high)
    texts = [number(value, decimals) for value in values]
    return "{}\u00a0(95\u202f%\u00a0CI\u00a0{}\u00a0to\u00a0{})".format(*texts)


def _stated(value: Any) -> str:
    """A text of a released table; empty where there is none."""
    return "" if pd.isna(value) or value == REDACTED else str(value)


def _sentence(row: "pd.Series[Any]", outcome: str) -> str:
    """What follows the function's name."""
    if row["estimate"] == REDACTED:
        return f"and {outcome}: withheld, as too few people stand behind the estimate."
    if pd.isna(row["estimate"]):
        return f"and {outcome}: could not be estimated{_reason(row)}."
    low, high = float(row["ci_low"]), float(row["ci_high"])
    decimals = decimals_for(high - low)
    size = _size(row, decimals, outcome)
    p = _p_clause(row["p_adjusted"])
    ends = f"{number(low, decimals)}\u00a0to\u00a0{number(high, decimals)}"
    interval = f"95\u202f%\u00a0CI\u00a0{ends}"
    return f"{_difference(row)} went with {size} ({interval}; {p})."


def _reason(row: "pd.Series[Any]") -> str:
    """Why there is no number, in brackets; nothing where there is one."""
    without = pd.isna(row["estimate"]) and pd.notna(row["note"]) and row["note"]
    return f" ({row['note']})" if without else ""


def _difference(row: "pd.Series[Any]") -> str:
    if row["transform"] == "any":
        return "at all, compared with not at all by the same person,"
    if row["transform"] == "log1p":
        return "one unit of log(1 + use) above what is usual for the same person"
    text = f"one unit of {row['measure']} more than usual for the same person"
    return _DIFFERENCES.get(row["measure"], text.replace("_", " "))


def _size(row: "pd.Series[Any]", decimals: int, outcome: str) -> str:
    estimate = float(row["estimate"])
    points = number(abs(estimate), decimals)
    direction = "lower" if estimate < 0 else "higher"
    if float(points) == 0:
        direction = "different"
    if outcome_scale(row) == POINTS:
        return f"a score {points} points {direction} on {outcome}"
    return f"{outcome_scale(row)} of {outcome} {points} {direction}"


def _p_clause(value: Any) -> str:
    if pd.isna(value):
        return "p not corrected"
    text = p_text(float(value))
    return (
        f"Holm-corrected p\u00a0{text[0]}\u00a0{text[1:]}"
        if text[0] in "<>"
        else f"Holm-corrected p\u00a0=\u00a0{text}"
    )


def _verdict(row: "pd.Series[Any]") -> str:
    if row["estimate"] == REDACTED:
        return "withheld"
    if pd.isna(row["estimate"]) and row["verdict"] != TOO_FEW:
        return NOT_ESTIMATED
    return (
        str(row["verdict"])
        if row["verdict"] and pd.notna(row["verdict"])
        else "no verdict"
    )


def _named(names: Iterable[str], labels: Mapping[str, str]) -> list[str]:
    return [labels.get(name, name) for name in dict.fromkeys(names)]


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
