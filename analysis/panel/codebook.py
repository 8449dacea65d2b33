"""What every column of the panel means, where it comes from, how much is missing."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from panelstream.analysis.panel import careless_responding
from panelstream.analysis.panel.person_waves import lagged_columns
from panelstream.analysis.plan.specifications import previous_wave_column
from panelstream.models.instruments.instrument import (
    Band,
    Instrument,
    Item,
    Scale,
    self_reports,
)
from panelstream.models.study import measures
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.use import FREQUENCIES

Values = Mapping[str, str]
"""What coded values mean, in their order."""

FREQUENCY_CODES: Values = {
    str(code): name.replace("_", " ") for code, name in enumerate(FREQUENCIES)
}
TIMING: Values = {
    "early": "before the wave opened",
    "in_time": "while it was open",
    "late": "after it had closed",
}
YES_OR_NO: Values = {"0": "no", "1": "yes"}

STATA_NAME = 32
"""Characters that Stata allows in the name of a variable."""

RESERVED = re.compile(
    "all|and|by|byte|double|eq|float|ge|gt|if|in|int|le|long|lt|ne|not|or|str[0-9l]+"
    "|to|using|with"
)
"""Words of Stata and SPSS that cannot name a variable."""

_HASH = 4
_HIDDEN = "the log, or consent, does not cover the whole window"
_NOT_ANSWERED = "not answered"
_NO_SCORE = "not answered, too many items missing, or one not asked in the wave"
_NO_WAVE = "no row of the wave before, or null there"


@dataclass(frozen=True)
class CodebookEntry:
    """One column of the panel in words; `null`: what a missing value means."""

    column: str
    meaning: str
    unit: str
    source: str
    null: str = ""
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class MeasureDescription:
    """What is measured of each function; its columns are `<function>_<measure>`."""

    meaning: str
    unit: str
    null: str = "the log does not cover the window"
    values: Values = field(default_factory=dict)


MEASURES = {
    "count": MeasureDescription("events in the window", "events", _HIDDEN),
    "days": MeasureDescription(
        "study-local days with any use in the window", "days", _HIDDEN
    ),
    "days_per_week": MeasureDescription(
        "active days a week of observed time", "days a week"
    ),
    "frequency": MeasureDescription(
        "active days a year as the survey's six answers", "code", values=FREQUENCY_CODES
    ),
}


def build_codebook(folder: StudyFolder, panel: pd.DataFrame) -> pd.DataFrame:
    """One row a panel column, in its order.

    Columns column, stata_name, meaning, unit, values, null, source, share_missing.
    """
    return pd.DataFrame(
        {
            "column": entry.column,
            "stata_name": short_name(entry.column, STATA_NAME),
            "meaning": entry.meaning,
            "unit": entry.unit,
            "values": format_values(entry.values),
            "null": entry.null,
            "source": entry.source,
            "share_missing": float(panel[entry.column].isna().mean()),
        }
        for entry in codebook_entries(folder, panel)
    )


def codebook_entries(folder: StudyFolder, panel: pd.DataFrame) -> list[CodebookEntry]:
    """The panel's columns in words, in its order."""
    by_column = {entry.column: entry for entry in _entries(folder)}
    return [
        by_column.get(name, CodebookEntry(name, "", "", "")) for name in map(str, panel)
    ]


def short_name(column: str, limit: int) -> str:
    """A name of at most `limit` characters that Stata and SPSS take.

    A longer one is cut and ends in four digits of its SHA-256, so that it is the
    same in every file and two do not meet; a word of theirs gets an underscore.
    """
    if RESERVED.fullmatch(column):
        return f"{column}_"
    if len(column) <= limit:
        return column
    mark = hashlib.sha256(column.encode()).hexdigest()[:_HASH]
    return f"{column[: limit - _HASH - 1]}_{mark}"


def format_values(values: Values) -> str:
    """Codes and their meanings in one line."""
    return "; ".join(f"{code} {text}" for code, text in values.items())


def _entries(folder: StudyFolder) -> Iterator[CodebookEntry]:
    current = [*_frame(folder.study.timezone), *_use(folder), *_scores(folder)]
    yield from current
    by_column = {entry.column: entry for entry in current}
    for name in lagged_columns(folder.study):
        entry = by_column[name]
        yield replace(
            entry,
            column=previous_wave_column(name),
            meaning=f"one wave before: {entry.meaning}",
            null=_NO_WAVE,
        )
    items = {
        item.code: item
        for instrument in folder.instruments
        for item in instrument.items
    }
    for name in folder.study.covariates.fixed:
        yield _fixed(items[name])


def _frame(timezone: str) -> Iterator[CodebookEntry]:
    yield CodebookEntry(
        "participant_id", "pseudonymous person, keyed hash", "32 hex digits", "key"
    )
    yield CodebookEntry("wave", "wave by its number", "number", "study file")
    yield CodebookEntry(
        "wave_index", "position of the wave, from 0", "number", "study file"
    )
    yield CodebookEntry(
        "round", "round in which the person enrolled", "number", "study file"
    )
    yield CodebookEntry(
        "responded_at", "when the answer was sent", "UTC", "responses", "no answer"
    )
    yield CodebookEntry(
        "timing",
        "whether the answer came while the wave was open",
        "code",
        "responses",
        "no answer",
        TIMING,
    )
    yield from _attrition()
    no_window = "no window: nothing before a first answer, or no answer"
    start = f"first instant of the window, a midnight in {timezone}"
    yield CodebookEntry("window_start", start, "UTC", "study file", no_window)
    end = "first instant after the window"
    yield CodebookEntry("window_end", end, "UTC", "study file", no_window)
    yield CodebookEntry(
        "window_days", "length of the window", "days", "study file", no_window
    )
    covered = "part of the window that consent and the log cover"
    yield CodebookEntry("observed_days", covered, "days", "events", no_window)


def _attrition() -> Iterator[CodebookEntry]:
    flags = {
        "answered": ("answered this wave", "the wave was not over"),
        "answered_next": (
            "answered the next wave of the round (looks ahead)",
            "there is none, or it was not over",
        ),
        "dropped_out": (
            "answered neither this wave nor a later one of the round (looks ahead)",
            "may still answer",
        ),
    }
    for name, (meaning, null) in flags.items():
        yield CodebookEntry(name, meaning, "code", "responses", null, YES_OR_NO)


def _use(folder: StudyFolder) -> Iterator[CodebookEntry]:
    clocks = folder.study.clock_corrections
    source = "events, clocks corrected" if clocks else "events"
    for function in folder.study.exposure.functions:
        label = folder.catalogue.label(function)
        for suffix, measure in MEASURES.items():
            yield CodebookEntry(
                f"{function}_{suffix}",
                f"{label}: {measure.meaning}",
                measure.unit,
                source,
                f"{measure.null}, or there is no window",
                measure.values,
            )
    for column in folder.measures:
        yield CodebookEntry(
            column.name,
            f"{measures.column_label(column, folder.catalogue)}: {column.definition.meaning}",
            column.definition.unit,
            source,
            f"{column.definition.null}, or there is no window",
        )


def _scores(folder: StudyFolder) -> Iterator[CodebookEntry]:
    for instrument in folder.instruments:
        for scale in instrument.scales:
            yield from _score(instrument, scale)
        for function, code in self_reports(instrument).items():
            yield CodebookEntry(
                f"{function}_self_report",
                f"{folder.catalogue.label(function)}: self-reported use ({code})",
                "code",
                instrument.instrument,
                _NOT_ANSWERED,
                FREQUENCY_CODES,
            )
    yield from _careless(folder.instruments)


def _score(instrument: Instrument, scale: Scale) -> Iterator[CodebookEntry]:
    name, source = instrument.column(scale), instrument.instrument
    label = scale.label.get("en", scale.code)
    bands = [f"{b.low:g} to {b.high:g} {_text(b)}" for b in instrument.bands_of(scale)]
    parts = [f"{label}: {_how(scale)}", instrument.period.get("en", ""), *bands]
    meaning = "; ".join(part for part in parts if part)
    unit = {"count": "items", "any": "code"}.get(scale.method, "points")
    values = YES_OR_NO if scale.method == "any" else {}
    yield CodebookEntry(name, meaning, unit, source, _NO_SCORE, values)
    missing = f"items missing of {name}"
    yield CodebookEntry(f"{name}_missing", missing, "items", source, _NOT_ANSWERED)
    prorated = f"whether {name} stands in for missing items"
    yield CodebookEntry(
        f"{name}_prorated", prorated, "code", source, _NO_SCORE, YES_OR_NO
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
            subject = f"one of {items}" if several else "the answer"
            return f"whether {subject} is at least {scale.at_least}"
        case _:
            return f"{scale.method} of {items}" if several else "a single answer"


def _text(band: Band) -> str:
    return band.label.get("en", next(iter(band.label.values()), ""))


def _careless(instruments: Sequence[Instrument]) -> Iterator[CodebookEntry]:
    for instrument, scale in careless_responding.scales_with_reversed_items(
        instruments
    ):
        name, source = instrument.column(scale), instrument.instrument
        difference = f"reversed and plain items more than {careless_responding.MAX_DIFFERENCE:.0%}"
        signs = {
            "straightlined": "the same answer to every item, also to reversed ones",
            "inconsistent": f"{difference} of the range apart",
        }
        for sign, meaning in signs.items():
            yield _sign(f"{name}_{sign}", meaning, source)
    for code in careless_responding.duration_items(instruments):
        fast = f"form took under {careless_responding.MIN_SECONDS:g} seconds an item"
        yield _sign("too_fast", fast, code)


def _sign(column: str, meaning: str, source: str) -> CodebookEntry:
    null = "too little was answered to tell"
    return CodebookEntry(column, meaning, "code", source, null, YES_OR_NO)


def _fixed(item: Item) -> CodebookEntry:
    """An item whose first answer stands on all rows of the person."""
    label = item.label.get("en", item.code)
    values = {code: text.get("en", code) for code, text in item.choices.items()}
    meaning = f"{label}: first answer"
    unit = "code" if values else "as answered"
    return CodebookEntry(
        item.code, meaning, unit, "responses", "never answered", values
    )
