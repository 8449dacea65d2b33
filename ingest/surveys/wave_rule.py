"""Which wave each row of an export belongs to: one rule for every tool.

The mapping declares it: the values of a column, the instance of a repeating REDCap
form, or the day of the answer. Without a rule all rows are of the wave that the
import names.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from typing import Protocol

from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.file_types.export_file import Export, require_column
from panelstream.ingest.surveys.formats.importer import (
    WAVE_OPENS,
    ExcludedRow,
    ImportContext,
    ImportProblem,
    RowOutcome,
    StudyWaves,
    SurveyRow,
    normalize_text,
)
from panelstream.ingest.surveys.mapping import EVENT, Waves
from panelstream.models.errors import FileError
from panelstream.models.study.study import Wave, midnight

INSTANCE = "redcap_repeat_instance"
OTHER_WAVE, NO_WAVE = "of another wave", "of no wave"

_WHOLE_NUMBER = re.compile(r"(\d+)(?:\.0*)?")


class WaveRule(Protocol):
    """How a row's wave is found."""

    def wave_of(self, number: int, responded_at: datetime | None) -> int | None:
        """The wave of a row; None leaves it out. Raises `FileError` with the row."""


@dataclass(frozen=True)
class ColumnRule:
    """The wave by the value of a column."""

    export: Export
    place: int
    values: Mapping[str, int | None]
    """By folded value."""

    def wave_of(self, number: int, responded_at: datetime | None) -> int | None:
        """The wave of the value in the row."""
        value = _fold(_cell(self.export, number, self.place))
        if value not in self.values:
            header = self.export.header[self.place]
            problem = (
                f"its '{header}' is not among the values of the mapping's waves (or "
                "events); add it, without a wave to leave such rows out"
            )
            raise FileError(self.export.path, f"row {number}", problem)
        return self.values[value]


@dataclass(frozen=True)
class InstanceRule:
    """The wave by the instance of a repeating form; forms that do not repeat belong to the first."""

    export: Export
    place: int
    waves: Mapping[int, int | None]
    """By instance; without any, instance N is wave N."""
    study: StudyWaves

    def wave_of(self, number: int, responded_at: datetime | None) -> int | None:
        """The wave of the instance of the row."""
        text = _cell(self.export, number, self.place).strip()
        if not text:
            return self.study.first
        instance = _instance(text)
        is_listed = instance in self.waves if self.waves else self.study.has(instance)
        if instance is None or not is_listed:
            problem = (
                "its instance is no wave; write in the mapping which wave each "
                "instance is, waves: {instance: {1: 1, 2: 3}}, or waves: day"
            )
            place = f"row {number}, {self.export.column(self.place)}"
            raise FileError(self.export.path, place, problem)
        return self.waves[instance] if self.waves else instance


@dataclass(frozen=True)
class DayRule:
    """The wave that is open on the day of the answer, else the last that had opened.

    An answer from before the first wave is of the first.
    """

    study: StudyWaves

    def wave_of(self, number: int, responded_at: datetime | None) -> int | None:
        """The wave of the study-local day."""
        assert responded_at is not None
        waves = sorted(self.study.waves, key=lambda wave: wave.span)
        day = responded_at.astimezone(self.study.zone).date()
        opened = [wave for wave in waves if day.toordinal() >= wave.span[0]]
        return (opened or waves[:1])[-1].wave


def find_wave_rule(
    export: Export, context: ImportContext, outcomes: Sequence[RowOutcome]
) -> WaveRule | None:
    """The rule of the mapping, else of REDCap's repetitions; None: there is none.

    Raises `FileError` for REDCap events whose waves are not declared, and for days
    that do not decide.
    """
    waves = context.mapping.wave_rule
    if waves is None:
        return _undeclared_rule(export, context, outcomes)
    for wave in {*waves.values.values(), *(waves.instance or {}).values()}:
        if wave is not None and not context.study.has(wave):
            problem = f"waves: the study has no wave {wave}; add it to the study file, or leave these rows out"
            raise FileError(export.path, "mapping", problem)
    if waves.day:
        return _day_rule(export, context)
    if waves.instance is not None:
        place = require_column(export, INSTANCE, "the wave")
        return InstanceRule(export, place, waves.instance, context.study)
    return _column_rule(export, waves)


def assign_waves(
    export: Export,
    context: ImportContext,
    rule: WaveRule | None,
    outcomes: Sequence[RowOutcome],
) -> list[RowOutcome]:
    """Outcomes with the wave of each row; rows of another one than the context's are
    left out.

    Raises `FileError` if there is neither a rule nor a wave.
    """
    if rule is None and context.wave is None:
        problem = (
            "which wave? name it with --wave, or say with waves in the mapping which "
            "rows are of which"
        )
        raise FileError(export.path, "", problem)
    return [_select(export, context, rule, outcome) for outcome in outcomes]


def wave_questions(
    export: Export,
    context: ImportContext,
    rule: WaveRule | None,
    rows: Sequence[SurveyRow],
) -> Iterator[Question]:
    """What is odd about the waves of the rows that count."""
    waves = context.mapping.wave_rule
    if isinstance(rule, InstanceRule) and waves is None:
        problem = (
            "instance N of a repeating form is read as wave N, and a form that does "
            f"not repeat as wave {context.study.first}"
        )
        remedy = (
            "confirm with waves: instance in the mapping, or write "
            "waves: {instance: {1: 1, 2: 3}} or waves: day"
        )
        yield Question(INSTANCE, problem, remedy)
    if isinstance(rule, DayRule) and waves is None:
        problem = "people answered in several waves; each row is read as of its day"
        remedy = (
            "confirm with waves: day in the mapping, or name the column that says the "
            "wave, waves: {column: …}"
        )
        yield Question("waves", problem, remedy)
    if waves and waves.column and export.place(waves.column) is None:
        problem = "the column that the mapping's waves names is not in this file"
        yield Question("mapping", problem, "check the header under waves")
    undated = [r for r in rows if r.responded_at == _opens(context.study, r.wave)]
    if undated and context.mapping.has_wave_days:
        problem = (
            f"{len(undated)} responses count as given on the first day of their wave"
        )
        yield Question(
            "submitted_at", problem, "name a column of times if there is one"
        )
    if not isinstance(rule, DayRule):
        yield from _untimely(context.study, rows)


def _undeclared_rule(
    export: Export, context: ImportContext, outcomes: Sequence[RowOutcome]
) -> WaveRule | None:
    """REDCap itself says that rows repeat; of events nobody knows which wave they are."""
    numbers = {row.number for row in outcomes if isinstance(row, SurveyRow)}
    numbers |= {row.row for row in outcomes if isinstance(row, ImportProblem)}
    event, instance = export.place(EVENT), export.place(INSTANCE)
    if event is not None:
        events = {_cell(export, number, event).strip() for number in numbers}
        if len(events) > 1:
            problem = "several events; write in the mapping which wave each is, events: {name: 1}"
            raise FileError(export.path, export.column(event), problem)
    if instance is not None:
        cells = {_cell(export, number, instance).strip() for number in numbers}
        if cells - {"", "1"}:
            return InstanceRule(export, instance, {}, context.study)
    return _undeclared_days(context.study, outcomes)


def _undeclared_days(
    study: StudyWaves, outcomes: Sequence[RowOutcome]
) -> DayRule | None:
    """Most people answered while one wave was open, and again while another was.

    One form served several waves then: to read all of it as one wave would take the
    answers of another for its own.
    """
    waves = [wave for wave in study.waves if wave.opens_on is not None]
    open_to: dict[str, set[int]] = defaultdict(set)
    for row in outcomes:
        if isinstance(row, SurveyRow):
            day = row.responded_at.astimezone(study.zone).date()
            open_to[row.person] |= {*_open_on(waves, day)[:1]}
    several = sum(len(opened) > 1 for opened in open_to.values())
    is_one_form = len(waves) == len(study.waves) and 2 * several >= len(open_to) > 0
    return DayRule(study) if is_one_form else None


def _column_rule(export: Export, waves: Waves) -> ColumnRule | None:
    """None where this file does not have the column: several may share a mapping."""
    place = export.place(waves.column or "")
    if place is None:
        return None
    values: dict[str, int | None] = {}
    for value, wave in waves.values.items():
        if values.setdefault(_fold(value), wave) != wave:
            problem = "waves: two values that differ only by case, width or blanks"
            raise FileError(export.path, "mapping", problem)
    return ColumnRule(export, place, values)


def _day_rule(export: Export, context: ImportContext) -> DayRule:
    waves = sorted(context.study.waves, key=lambda wave: wave.span)
    if context.mapping.has_wave_days:
        problem = "waves: day needs times, and submitted_at: wave has none; name a column of times"
        raise FileError(export.path, "mapping", problem)
    if not waves or any(wave.opens_on is None for wave in waves):
        problem = (
            "waves: day needs waves with opens_on and closes_on; where they count from "
            "each person's enrolment, write waves: {column: …} or import wave by wave"
        )
        raise FileError(export.path, "mapping", problem)
    for earlier, later in pairwise(waves):
        if later.span[0] < earlier.span[1]:
            problem = f"waves {earlier.wave} and {later.wave} are open on the same days; write waves: {{column: …}}"
            raise FileError(export.path, "mapping", problem)
    return DayRule(context.study)


def _select(
    export: Export, context: ImportContext, rule: WaveRule | None, outcome: RowOutcome
) -> RowOutcome:
    if isinstance(outcome, SurveyRow):
        number, at = outcome.number, outcome.responded_at
        wave = rule.wave_of(number, at) if rule else context.wave
        return _excluded(context, number, wave) or _in_wave(
            export, context, outcome, wave
        )
    if rule is None or isinstance(rule, DayRule) or isinstance(outcome, Question):
        return outcome
    with suppress(FileError) if isinstance(outcome, ExcludedRow) else nullcontext():
        wave = rule.wave_of(outcome.row, None)
        return _excluded(context, outcome.row, wave) or outcome
    return outcome


def _excluded(
    context: ImportContext, number: int, wave: int | None
) -> ExcludedRow | None:
    if wave is None:
        return ExcludedRow(number, NO_WAVE)
    is_selected = context.wave in (None, wave)
    return None if is_selected else ExcludedRow(number, OTHER_WAVE)


def _in_wave(
    export: Export, context: ImportContext, row: SurveyRow, wave: int | None
) -> SurveyRow:
    """The row with its wave; without a time of its own, on the wave's first day."""
    if row.responded_at != WAVE_OPENS:
        return replace(row, wave=wave)
    opens = _opens(context.study, wave)
    if opens is None:
        problem = (
            "submitted_at: wave needs waves with opens_on in the study file; name a "
            "column of times instead"
        )
        raise FileError(export.path, "mapping", problem)
    return replace(row, wave=wave, responded_at=opens)


def _opens(study: StudyWaves, number: int | None) -> datetime | None:
    """The instant at which a wave of calendar days opens."""
    for wave in study.waves:
        if wave.wave == number and wave.opens_on is not None:
            return midnight(wave.opens_on, study.zone)
    return None


def _untimely(study: StudyWaves, rows: Sequence[SurveyRow]) -> Iterator[Question]:
    """Responses that were sent while another wave was open than theirs."""
    calendar = [wave for wave in study.waves if wave.opens_on is not None]
    sent: Counter[tuple[int | None, int]] = Counter()
    for row in rows:
        day = row.responded_at.astimezone(study.zone).date()
        open_waves = _open_on(calendar, day)
        if open_waves and row.wave not in open_waves:
            sent[row.wave, open_waves[0]] += 1
    for (wave, open_wave), number in sorted(sent.items(), key=str):
        problem = f"{number} responses of wave {wave} were sent while wave {open_wave} was open"
        remedy = (
            f"if they belong to wave {open_wave}, write waves: day in the mapping, "
            "or import the file under the right wave"
        )
        yield Question(f"wave {wave}", problem, remedy)


def _open_on(waves: Sequence[Wave], day: date) -> list[int]:
    return [w.wave for w in waves if w.span[0] <= day.toordinal() < w.span[1]]


def _cell(export: Export, number: int, place: int) -> str:
    return export.records[number - export.first_row][place]


def _fold(value: str) -> str:
    """A value without the accidents of width, case, blanks and `1.0` for 1."""
    text = normalize_text(value).casefold()
    match = _WHOLE_NUMBER.fullmatch(text)
    return match[1] if match else text


def _instance(text: str) -> int | None:
    match = _WHOLE_NUMBER.fullmatch(text)
    return int(match[1]) if match else None
