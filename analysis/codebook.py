"""What every column of the panel means, where it comes from, how much is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis import careless
from analysis.specifications import previous
from models.instruments import Band, Instrument, Scale, self_reports
from models.study import StudyFolder

MEASURES = {
    "count": ("events in the window", "events"),
    "days": ("study-local days with any use in the window", "days"),
    "days_per_week": ("active days a week of observed time", "days a week"),
    "frequency": (
        "active days a year as the survey's six answers",
        "0 never … 5 almost every day",
    ),
}


@dataclass(frozen=True)
class Entry:
    """One column of the panel in words."""

    column: str
    meaning: str
    unit: str
    source: str


def describe(folder: StudyFolder, panel: pd.DataFrame) -> pd.DataFrame:
    """Columns column, meaning, unit, source, share_missing; one row a panel column."""
    known = {entry.column: entry for entry in _entries(folder)}
    rows = [known.get(column, Entry(column, "", "", "")) for column in map(str, panel)]
    missing = [float(panel[column].isna().mean()) for column in panel]
    return pd.DataFrame([vars(row) for row in rows]).assign(share_missing=missing)


def _entries(folder: StudyFolder) -> Iterator[Entry]:
    study = folder.study
    yield from _frame(study.timezone)
    for function in study.exposure.functions:
        for suffix, (meaning, unit) in MEASURES.items():
            text = f"{folder.catalogue.label(function)}: {meaning}; null: not known"
            yield Entry(f"{function}_{suffix}", text, unit, "events")
    yield from _scores(folder)
    for name in study.covariates.previous_wave:
        yield Entry(previous(name), f"{name} one wave before", "points", "responses")
    for name in study.covariates.fixed:
        yield Entry(name, f"first answer to {name}", "as answered", "responses")


def _frame(timezone: str) -> Iterator[Entry]:
    yield Entry(
        "participant_id", "pseudonymous person, keyed hash", "32 hex digits", "key"
    )
    yield Entry("wave", "wave by its number", "", "study file")
    yield Entry("wave_index", "position of the wave, from 0", "", "study file")
    yield Entry("round", "round in which the person enrolled", "", "study file")
    yield Entry(
        "responded_at", "when the answer was sent; null: none", "UTC", "responses"
    )
    yield Entry(
        "timing",
        "whether the answer came while the wave was open; null: none",
        "early, in_time, late",
        "responses",
    )
    yield Entry(
        "window_start",
        f"first instant of the window, a midnight in {timezone}",
        "UTC",
        "study file",
    )
    yield Entry("window_end", "first instant after the window", "UTC", "study file")
    yield Entry("window_days", "length of the window", "days", "study file")
    yield Entry(
        "observed_days",
        "part of the window that consent and the log cover",
        "days",
        "events",
    )


def _scores(folder: StudyFolder) -> Iterator[Entry]:
    for instrument in folder.instruments:
        for scale in instrument.scales:
            yield from _score(instrument, scale)
        for function, code in self_reports(instrument).items():
            text = f"{folder.catalogue.label(function)}: self-reported use ({code})"
            yield Entry(
                f"{function}_self_report", text, "0 to 5", instrument.instrument
            )
    yield from _careless(folder.instruments)


def _score(instrument: Instrument, scale: Scale) -> Iterator[Entry]:
    name, source = instrument.column(scale), instrument.instrument
    label = scale.label.get("en", scale.code)
    bands = [f"{b.low:g} to {b.high:g} {_text(b)}" for b in instrument.bands_of(scale)]
    parts = [f"{label}: {_how(scale)}", instrument.period.get("en", ""), *bands]
    meaning = "; ".join(part for part in parts if part)
    unit = {"count": "items", "any": "1 yes, 0 no"}.get(scale.method, "points")
    yield Entry(name, meaning, unit, source)
    yield Entry(f"{name}_missing", f"items missing of {name}", "items", source)
    yield Entry(
        f"{name}_prorated",
        f"whether {name} stands in for missing items",
        "1 yes, 0 no",
        source,
    )


def _how(scale: Scale) -> str:
    if scale.delivered:
        return "as delivered, without its items"
    items = f"{len(scale.items)} items"
    several = len(scale.items) > 1
    match scale.method:
        case "count":
            return f"how many of {items} are at least {scale.at_least}"
        case "any":
            which = f"one of {items}" if several else "the answer"
            return f"whether {which} is at least {scale.at_least}"
        case _:
            return f"{scale.method} of {items}" if several else "a single answer"


def _text(band: Band) -> str:
    return band.label.get("en", next(iter(band.label.values()), ""))


def _careless(instruments: Sequence[Instrument]) -> Iterator[Entry]:
    flag = "1 flagged, 0 not"
    for instrument, scale in careless.balanced(instruments):
        name, source = instrument.column(scale), instrument.instrument
        same = "the same answer to every item, also to reversed ones"
        yield Entry(f"{name}_straightlined", same, flag, source)
        apart = f"reversed and plain items more than {careless.MOST_APART:.0%}"
        yield Entry(f"{name}_inconsistent", f"{apart} of the range apart", flag, source)
    for code in careless.timed(instruments):
        fast = f"form took under {careless.LEAST_SECONDS:g} seconds an item"
        yield Entry("too_fast", fast, flag, code)
