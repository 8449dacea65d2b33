"""One self-contained HTML page: the answers first, then what they rest on.

Pure and deterministic: the same study, frames and manifest give the same bytes.
Every number on the page comes from a released table (`analysis.tables`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.analysis.report import disclosure, figures, measurement, tables
from panelstream.analysis.report.disclosure import REDACTED
from panelstream.analysis.report.figures import Figure, decimals_for, number
from panelstream.analysis.report.tables import Table
from panelstream.analysis.verdicts.verdicts import FEEDBACK, NOT_ESTIMATED, VERDICTS
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Disclosure, Study, Window
from panelstream.models.study.use import FREQUENCIES

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "report.html.j2"

ABSENT = "\u2013"

STD_ERRORS = {
    "cluster_person_cr1": (
        "clustered by person, CR1: G/(G\u22121) \u00b7 (N\u22121)/(N\u2212K) for G"
        " people, N rows and K coefficients, person effects not counted in K; t with"
        " G\u22121 degrees of freedom"
    ),
}
_MORE = {
    "days_per_week": "on one more day a week than usual for the same person",
    "days": "on one more day than usual for the same person",
    "count": "once more than usual for the same person",
    "frequency": "one frequency step above what is usual for the same person",
}
_WINDOWS = {
    "between_waves": "between the close of one wave and the opening of the next",
    "between_responses": "between a person's previous answer and this one",
}


@dataclass(frozen=True)
class Report:
    """The page, and the tables that are written beside it as CSV files."""

    html: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Answer:
    """A planned association in a sentence, with its verdict; why, if it has none."""

    outcome: str
    exposure: str
    sentence: str
    verdict: str
    reason: str

    @property
    def pair(self) -> str:
        """What was to be associated, and why it could not be told."""
        return f"{self.exposure} and {self.outcome}{self.reason}"


@dataclass(frozen=True)
class Cell:
    """`kind` is a CSS class: name, number, withheld or note."""

    text: str
    kind: str


@dataclass(frozen=True)
class Rows:
    """Rows under one heading; without a heading where the table needs none."""

    heading: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class View:
    """A table as readers see it."""

    number: int
    table: Table
    headings: tuple[Cell, ...]
    groups: tuple[Rows, ...]


@dataclass(frozen=True)
class _Column:
    """A column of the page, made of one or more columns of the CSV file."""

    heading: str
    kind: str
    sources: tuple[str, ...]


def _column(heading: str, kind: str, *sources: str) -> _Column:
    return _Column(heading, kind, sources)


_INTERVAL = _column("95\u202f% CI", "interval", "ci_low", "ci_high")
_WAVE = (_column("Round", "word", "round"), _column("Wave", "word", "wave"))
_ESTIMATE = (
    _column("Estimate", "value", "estimate"),
    _column("SE", "value", "std_error"),
    _INTERVAL,
    _column("p", "p", "p_value"),
)
_SIZE = (
    _column("Std.", "decimal", "standardized"),
    _column("People", "count", "n_participants"),
    _column("Rows", "count", "n_obs"),
)
_COLUMNS: dict[str, tuple[_Column, ...]] = {
    "participant_flow": (
        *_WAVE,
        _column("Eligible", "count", "eligible"),
        _column("Answered", "share", "answered", "answered_percent"),
        _column(
            "Complete outcomes",
            "share",
            "complete_outcomes",
            "complete_outcomes_percent",
        ),
        _column(
            "Lost since the previous wave",
            "share",
            "lost_since_previous",
            "lost_since_previous_percent",
        ),
    ),
    "use": (
        *_WAVE,
        _column("Active days a week", "value", "mean_days_per_week"),
        _column("SD", "value", "sd"),
        _INTERVAL,
        _column("n", "count", "n"),
        _column("Any use", "share", "any_use", "any_use_percent"),
        _column("Not known", "share", "not_known", "not_known_percent"),
    ),
    "outcomes_by_wave": (
        *_WAVE,
        _column("Mean", "value", "mean"),
        _column("SD", "value", "sd"),
        _INTERVAL,
        _column("n", "count", "n"),
    ),
    "estimates_confirmatory": (
        _column("Function", "name", "exposure"),
        _column("Comparison", "word", "component"),
        *_ESTIMATE,
        _column("p, Holm", "p", "p_adjusted"),
        _column("p, BH", "p", "p_bh"),
        _column("p, equivalence (Holm)", "p", "equivalence_adjusted"),
        *_SIZE,
        _column("Verdict", "word", "verdict"),
    ),
    "estimates_sensitivity": (
        _column("Function", "name", "exposure"),
        _column("Specification", "code", "specification"),
        _column("Comparison", "word", "component"),
        *_ESTIMATE,
        *_SIZE,
    ),
    "estimates_exploratory": (
        _column("Function", "name", "exposure"),
        _column("Comparison", "word", "component"),
        *_ESTIMATE,
        *_SIZE,
    ),
    "tests": (
        _column("Test", "code", "test"),
        _column("Statistic", "decimal", "statistic"),
        _column("df", "count", "df"),
        _column("p", "p", "p_value"),
        _column("Note", "note", "note"),
    ),
    "survey_table_1": (
        _column("Function", "name", "function"),
        *(
            _column(one.replace("_", " ").capitalize(), "share", one, f"{one}_percent")
            for one in FREQUENCIES
        ),
        _column("n", "count", "n"),
    ),
    "survey_table_2": (
        _column("Function", "name", "function"),
        _column("r", "decimal", "r"),
        _INTERVAL,
        _column("n", "count", "n"),
    ),
    "survey_table_3": (
        _column("Function", "name", "function"),
        _column("B", "value", "b"),
        _column("SE", "value", "std_error"),
        _INTERVAL,
        _column("beta", "decimal", "beta"),
        _column("t", "decimal", "t"),
        _column("p", "p", "p_value"),
        _column("n", "count", "n"),
    ),
    "self_report_agreement": (
        _column("Function", "name", "function"),
        _column("Weighted kappa", "decimal", "kappa"),
        _column("Exact", "share", "exact", "exact_percent"),
        _column("Difference", "decimal", "mean_difference"),
        _column("n", "count", "n"),
    ),
    "bands_by_wave": (
        *_WAVE,
        _column("Range", "name", "band"),
        _column("People", "share", "people", "people_percent"),
        _column("n", "count", "n"),
    ),
    "reliability_by_wave": (
        *_WAVE,
        _column("n", "count", "n"),
        _column("Alpha", "value", "alpha"),
        _INTERVAL,
        _column("Omega", "value", "omega"),
        _column("Lowest item\u2013rest", "value", "lowest_item_rest"),
        _column("Item", "code", "lowest_item"),
        _column("At the lowest", "share", "floor", "floor_percent"),
        _column("At the highest", "share", "ceiling", "ceiling_percent"),
        _column("Retest", "value", "retest"),
        _column("95\u202f% CI", "interval", "retest_ci_low", "retest_ci_high"),
    ),
    "careless_by_wave": (
        *_WAVE,
        _column("Responses", "share", "people", "people_percent"),
        _column("n", "count", "n"),
    ),
    "safety_by_wave": (
        *_WAVE,
        _column("People", "share", "people", "people_percent"),
        _column("n", "count", "n"),
    ),
}
_UNIT = ("measure", "transform")
_GROUPED_BY = {
    "use": ("function",),
    "outcomes_by_wave": ("outcome",),
    "estimates_confirmatory": ("outcome", *_UNIT),
    "estimates_sensitivity": ("outcome", *_UNIT),
    "estimates_exploratory": ("specification", "outcome", *_UNIT),
    "tests": ("specification", "outcome"),
    "survey_table_2": ("outcome",),
    "survey_table_3": ("outcome",),
    "bands_by_wave": ("score",),
    "reliability_by_wave": ("score",),
    "careless_by_wave": ("sign",),
    "safety_by_wave": ("score",),
}


def render(
    study_folder: StudyFolder,
    panels: Mapping[Window, pd.DataFrame],
    estimates: pd.DataFrame,
    tests: pd.DataFrame,
    reliability: pd.DataFrame,
    manifest: Mapping[str, Any],
) -> Report:
    """The report and its tables.

    `panels`: the panel of each window; `estimates`, `tests`, `reliability`: the
    columns of their CSV files, exact; `manifest`: as_of, study_version, and
    where there are any plan, data_hash, versions, counts, epochs.
    """
    study = study_folder.study
    labels = {**tables.labels(study_folder), **measurement.labels(study_folder)}
    panel = panels[study.exposure.window]
    absent = int(manifest.get("plan", {}).get("removed_after_lock", 0))
    built = (
        *tables.build(study_folder, panels, estimates, tests, absent),
        *measurement.build(study_folder, panel, reliability),
    )
    by_name = {one.name: one for one in built}
    planned = _frame(by_name, "estimates_confirmatory")
    html = (
        _environment()
        .get_template(TEMPLATE)
        .render(
            study=study,
            title=study.title.get("en", next(iter(study.title.values()))),
            question=question(study, labels),
            answers=_by_outcome(answers(planned, labels)),
            summary=_summary(answers(planned, labels)),
            planned=bool(study.plan.confirmatory),
            locked=bool(manifest.get("plan", {}).get("locks")),
            plan=plan_lines(manifest.get("plan", {}), study.disclosure),
            deviations=manifest.get("plan", {}).get("deviations", []),
            windows=[_window_text(one.name) for one in study.windows],
            figures=_figures(by_name, labels, study),
            tables={
                one.name: view(at, one, labels, planned)
                for at, one in enumerate(built, start=1)
            },
            std_errors=_std_errors(estimates),
            facts=_facts(manifest),
            events=event_counts(manifest.get("counts", {}), study.disclosure),
        )
    )
    return Report(html, built)


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


def answers(estimates: pd.DataFrame, labels: Mapping[str, str]) -> tuple[Answer, ...]:
    """A sentence per within-person estimate of a released confirmatory table."""
    if estimates.empty:
        return ()
    within = estimates[
        (estimates["component"] == "within") & estimates["exposure"].notna()
    ]
    return tuple(_answer(row, labels) for _, row in within.iterrows())


def event_counts(
    counts: Mapping[str, int], rule: Disclosure
) -> tuple[tuple[str, str], ...]:
    """What became of the events received, as it may leave.

    Received is accepted, rejected and refused; accepted is stored, duplicate and
    conflicting. Both are rows with a total, and are released as such.
    """
    released: dict[str, float] = {}
    for total, parts in (
        ("received", ("accepted", "rejected", "refused")),
        ("accepted", ("stored", "duplicate", "conflicting")),
    ):
        if all(name in counts for name in parts):
            row = disclosure.row([counts[name] for name in parts], rule)
            released |= {total: row.total, **dict(zip(parts, row.cells, strict=True))}
    rest = [name for name in counts if name not in released]
    released |= zip(
        rest, disclosure.counts([counts[n] for n in rest], rule), strict=True
    )
    return tuple((name, _count(_or_redacted(n))) for name, n in released.items())


def plan_lines(plan: Mapping[str, Any], rule: Disclosure) -> list[str]:
    """Whether the plan is locked, since when, and what of it is not as it was locked."""
    if not plan.get("locks"):
        return ["The plan is not locked: nothing here is confirmatory."]
    said = [_locked(at, one, rule) for at, one in enumerate(plan["locks"], start=1)]
    if not plan["locked"]:
        said.append(
            "The plan is not as it was locked: what was changed or added is exploratory."
        )
    return said


def _locked(version: int, lock: Mapping[str, Any], rule: Disclosure) -> str:
    held = _count(_or_redacted(float(disclosure.counts(lock["responses"], rule))))
    seen = "before any response had come in"
    if lock["responses"]:
        seen = f"after {held} responses had come in"
    return (
        f"Version {version} of the plan ({lock['hash']}) was locked on"
        f" {lock['locked_at'][:10]}, {seen}."
    )


def view(
    position: int, table: Table, labels: Mapping[str, str], planned: pd.DataFrame
) -> View:
    """A table as the page shows it: fewer columns, in groups, in words.

    Sensitivity estimates stand below the `planned` (released) ones they vary.
    """
    frame = table.frame
    if table.name == "estimates_sensitivity":
        frame = _beside(planned, frame)
    if table.name.startswith("estimates_"):
        frame = frame[frame["exposure"].fillna("") != ""]
    columns = [c for c in _COLUMNS[table.name] if set(c.sources) <= set(frame.columns)]
    return View(
        number=position,
        table=table,
        headings=tuple(Cell(c.heading, _align(c)) for c in columns),
        groups=tuple(_groups(table.name, frame, columns, labels)),
    )


def p_text(value: float) -> str:
    """`.012`, `<.001` or `>.999`: three decimals, no leading zero."""
    if value < 0.001:
        return "<.001"
    return ">.999" if value >= 0.9995 else f"{value:.3f}".lstrip("0")


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _answer(row: "pd.Series[Any]", labels: Mapping[str, str]) -> Answer:
    outcome, exposure = (labels.get(row[c], row[c]) for c in ("outcome", "exposure"))
    return Answer(
        outcome, exposure, _sentence(row, outcome), _verdict(row), _reason(row)
    )


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
    return f"{_more(row)} went with {size} ({interval}; {p})."


def _reason(row: "pd.Series[Any]") -> str:
    """Why there is no number, in brackets; nothing where there is one."""
    without = pd.isna(row["estimate"]) and pd.notna(row["note"]) and row["note"]
    return f" ({row['note']})" if without else ""


def _more(row: "pd.Series[Any]") -> str:
    if row["transform"] == "log1p":
        return "one unit of log(1 + use) above what is usual for the same person"
    more = f"one unit of {row['measure']} more than usual for the same person"
    return _MORE.get(row["measure"], more.replace("_", " "))


def _size(row: "pd.Series[Any]", decimals: int, outcome: str) -> str:
    estimate = float(row["estimate"])
    points = number(abs(estimate), decimals)
    direction = "lower" if estimate < 0 else "higher"
    if float(points) == 0:
        direction = "different"
    scale = ESTIMATORS[row["estimator"]].scale
    if scale == "points":
        return f"a score {points} points {direction} on {outcome}"
    return f"{scale} of {outcome} {points} {direction}"


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
    if pd.isna(row["estimate"]):
        return NOT_ESTIMATED
    return (
        str(row["verdict"])
        if row["verdict"] and pd.notna(row["verdict"])
        else "no verdict"
    )


def _by_outcome(all_of_them: Iterable[Answer]) -> dict[str, list[Answer]]:
    grouped: dict[str, list[Answer]] = {}
    for one in all_of_them:
        grouped.setdefault(one.outcome, []).append(one)
    return grouped


def _summary(all_of_them: Iterable[Answer]) -> list[tuple[str, int, list[str]]]:
    """Each verdict with how often it was reached and for what, the firmest first."""
    order = (*VERDICTS.values(), FEEDBACK, NOT_ESTIMATED)
    found: dict[str, list[str]] = {verdict: [] for verdict in order}
    for one in all_of_them:
        found.setdefault(one.verdict, []).append(one.pair)
    return [(verdict, len(pairs), pairs) for verdict, pairs in found.items() if pairs]


def _figures(
    by_name: Mapping[str, Table], labels: Mapping[str, str], study: Study
) -> dict[str, tuple[int, Figure]]:
    """What can be drawn, by name, numbered in the page's order."""
    forest = partial(figures.forest, labels=labels, study=study)
    drawn: dict[str, Callable[[pd.DataFrame], Figure]] = {
        "estimates_confirmatory": partial(forest, name="confirmatory"),
        "participant_flow": figures.participant_flow,
        "use": partial(figures.use, labels=labels),
        "outcomes_by_wave": partial(figures.outcomes, labels=labels),
        "estimates_exploratory": partial(forest, name="exploratory"),
    }
    made = [
        draw(by_name[name].frame) for name, draw in drawn.items() if name in by_name
    ]
    shown = [one for one in made if one.panels]
    return {one.name: (at, one) for at, one in enumerate(shown, start=1)}


def _frame(by_name: Mapping[str, Table], name: str) -> pd.DataFrame:
    return by_name[name].frame if name in by_name else pd.DataFrame()


def _groups(
    name: str,
    frame: pd.DataFrame,
    columns: Sequence[_Column],
    labels: Mapping[str, str],
) -> Iterator[Rows]:
    keys = list(_GROUPED_BY.get(name, ()))
    if not keys:
        yield Rows("", _cells(frame, columns, labels))
        return
    scale = [figures.scales(frame)] if _UNIT[0] in keys else []
    for _, rows in frame.groupby([*keys, *scale], sort=False):
        yield Rows(_heading(rows.iloc[0], keys, labels), _cells(rows, columns, labels))


def _heading(
    row: "pd.Series[Any]", keys: Sequence[str], labels: Mapping[str, str]
) -> str:
    names = [labels.get(str(row[k]), str(row[k])) for k in keys if k not in _UNIT]
    heading = ": ".join(names)
    if _UNIT[0] in keys:
        return f"{heading}, {figures.scale(row)}"
    if "outcome_mean" in row:
        return f"{heading}, {_moments(row)}"
    return heading


def _moments(row: "pd.Series[Any]") -> str:
    mean, sd = (_number(row[c], 2) for c in ("outcome_mean", "outcome_sd"))
    return f"mean {mean} (SD {sd}), n = {_count(row['outcome_n'])}"


def _cells(
    frame: pd.DataFrame, columns: Sequence[_Column], labels: Mapping[str, str]
) -> tuple[tuple[Cell, ...], ...]:
    decimals = _decimals(frame)
    return tuple(
        tuple(_cell(row, column, decimals, labels) for column in columns)
        for _, row in frame.iterrows()
    )


def _cell(
    row: "pd.Series[Any]", column: _Column, decimals: int, labels: Mapping[str, str]
) -> Cell:
    values = [row[source] for source in column.sources]
    if any(value == REDACTED for value in values):
        return Cell(REDACTED, "withheld")
    if any(pd.isna(value) or value == "" for value in values):
        return Cell(ABSENT, _align(column))
    return Cell(_text(values, column.kind, decimals, labels), _align(column))


def _text(
    values: list[Any], kind: str, decimals: int, labels: Mapping[str, str]
) -> str:
    match kind:
        case "name" | "code" | "note":
            return labels.get(values[0], str(values[0]))
        case "count":
            return _count(values[0])
        case "share":
            return f"{_count(values[0])} ({values[1]:.1f}\u202f%)"
        case "interval":
            return " to ".join(_number(value, decimals) for value in values)
        case "value":
            return _number(values[0], decimals)
        case "decimal":
            return _number(values[0], 2)
        case "p":
            return p_text(float(values[0]))
        case _:
            return str(values[0]).replace("_", " ")


def _align(column: _Column) -> str:
    return column.kind if column.kind in ("name", "code", "word", "note") else "number"


def _decimals(frame: pd.DataFrame) -> int:
    """Decimals for rows that stand together, by the usual width of their intervals."""
    if "ci_low" not in frame:
        return 2
    low, high = (
        pd.to_numeric(frame[c], errors="coerce") for c in ("ci_low", "ci_high")
    )
    return decimals_for(float((high - low).median()))


def _number(value: Any, decimals: int) -> str:
    if isinstance(value, str):
        return value
    return ABSENT if pd.isna(value) else number(float(value), decimals)


def _count(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "\u221e" if value == float("inf") else f"{value:,.0f}"


def _or_redacted(value: float) -> float | str:
    return REDACTED if pd.isna(value) else value


def _beside(planned: pd.DataFrame, varied: pd.DataFrame) -> pd.DataFrame:
    compared = planned[planned["component"] != "between"] if len(planned) else planned
    both = pd.concat([compared, varied], ignore_index=True)
    return both.sort_values(["outcome", "exposure"], kind="stable", key=_in_order)


def _in_order(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Sort keys that keep the order in which names first appear."""
    return pd.Series(pd.factorize(values)[0], index=values.index)


def _std_errors(estimates: pd.DataFrame) -> list[tuple[str, str]]:
    kinds = [str(kind) for kind in estimates["std_error_type"].dropna().unique()]
    return [(kind, STD_ERRORS.get(kind, "")) for kind in kinds]


def _facts(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where the numbers come from, save the counts, which need disclosure control."""
    shown = {name: value for name, value in manifest.items() if name != "counts"}
    if "plan" in shown:
        shown["plan"] = shown["plan"]["hash"]
    return [(name.replace("_", " "), _fact(value)) for name, value in shown.items()]


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_fact, value))
    return ABSENT if value in (None, "") else str(value)


def _window_text(name: str) -> str:
    days = name.removeprefix("lookback_")
    return _WINDOWS.get(name, f"in the {days} days before the answer")


def _named(names: Iterable[str], labels: Mapping[str, str]) -> list[str]:
    return [labels.get(name, name) for name in dict.fromkeys(names)]


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
