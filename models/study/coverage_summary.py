"""What makes use unknown, in a few numbers and lines with remedies."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from panelstream.models.study.coverage import PersonWindows, UnknownTime
from panelstream.models.study.coverage_gaps import (
    GapCause,
    LogStatements,
    null_windows,
)
from panelstream.models.study.study import Study
from panelstream.models.study.study_letters import study_letter_lines


@dataclass(frozen=True)
class CoverageSummary:
    """Of the study's own windows.

    `dead_letters`: open ones that make use unknown, of `letter_functions` (all of them
    where the type cannot be read) on `letter_days`; `conflicts`: events whose id another
    had first; `reclassified`: events whose type has another function now than when they
    were stored; `log_gaps`: in the stream.
    `null_windows`: by cause, windows in which some function's use is not known.
    `without_heartbeat`, `without_event`: functions of the study. `study_letters`: open
    dead letters of the study's own events, by type. `measured_for`: by function of the
    study the groups of whom it is measured; `empty_groups`: those that nobody is in.
    """

    windows: int
    dead_letters: int
    letter_functions: Sequence[str]
    letter_days: int
    conflicts: int
    reclassified: int
    log_gaps: int
    null_windows: Mapping[GapCause, int]
    without_heartbeat: Sequence[str]
    without_event: Sequence[str]
    study_letters: Mapping[str, int] = field(default_factory=dict)
    measured_for: Mapping[str, Sequence[str]] = field(default_factory=dict)
    empty_groups: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """For manifests and `--json`."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """What is not known, a line each, with the remedy."""
        yield from study_letter_lines(self.study_letters)
        if self.dead_letters:
            yield (
                f"open dead letters: {self.dead_letters:,} of "
                f"{', '.join(self.letter_functions)} make {_days(self.letter_days)} "
                f"unknown, {self._nulls('dead letters')}; see 'panelstream dead-letters "
                "list'"
            )
        if self.conflicts:
            yield (
                f"conflicting events: {self.conflicts:,} with an id that another event "
                f"had first, {self._nulls('conflicts')}; send them again with new ids "
                "if they were acts of their own, then 'panelstream dead-letters dismiss "
                "--reason conflicting'"
            )
        if self.reclassified:
            yield (
                f"changed catalogue: {self.reclassified:,} stored events whose type has "
                f"another function now, {self._nulls('catalogue')}; ingest the events "
                "again, into a new warehouse"
            )
        if self.log_gaps:
            yield (
                f"gaps of the log: {self.log_gaps:,}, {self._nulls('log gap')}; see "
                "'panelstream coverage'"
            )
        if "silent device" in self.null_windows:
            yield f"silent devices: {self._nulls('silent device')}"
        yield from self._group_lines()
        if "refused acts" in self.null_windows:
            yield (
                "acts refused before a new consent was recorded: "
                f"{self._nulls('refused acts')}; record a consent before the acts "
                "that it allows"
            )
        if "not over" in self.null_windows:
            yield f"not over yet: {self._nulls('not over')}"
        yield from self._heartbeat_lines()
        if self.without_event:
            yield (
                f"no event at all: {', '.join(self.without_event)}; is the function "
                "recorded? If not, take it out of 'exposure' or list an outage"
            )

    def _group_lines(self) -> Iterator[str]:
        if "not measured" in self.null_windows:
            functions = "; ".join(
                f"{function} is measured for {', '.join(groups)}"
                for function, groups in self.measured_for.items()
            )
            yield (
                f"not measured for a person's group: {self._nulls('not measured')}; "
                f"{functions}. Add a group to 'measured_for' in study.yaml if its "
                "people could use the function"
            )
        if self.empty_groups:
            yield (
                f"nobody is in a group of 'measured_for': {', '.join(self.empty_groups)}"
                "; compare its spelling with the roster"
            )

    def _heartbeat_lines(self) -> Iterator[str]:
        if self.without_heartbeat:
            yield no_heartbeat_line(self.without_heartbeat)
        elif "no heartbeat" in self.null_windows:
            yield (
                f"gaps between heartbeats: {self._nulls('no heartbeat')}; see "
                "'panelstream coverage'"
            )

    def _nulls(self, cause: GapCause) -> str:
        return f"{self.null_windows.get(cause, 0):,} of {self.windows:,} windows null"


def summarize_coverage(
    study: Study,
    statements: LogStatements,
    windows: PersonWindows,
    functions_with_events: Sequence[str],
) -> CoverageSummary:
    """Summarize what is said of the log for the windows of a study."""
    functions = study.exposure.functions
    relevant = [
        gap for gap in statements.unknown if gap.time.function in ("", *functions)
    ]
    letters = [gap for gap in relevant if gap.cause == "dead letters"]
    return CoverageSummary(
        windows=int((windows.starts < windows.ends).sum()),
        dead_letters=_number(relevant, "dead letters"),
        letter_functions=_functions_of(letters, functions),
        letter_days=len(
            {
                letter.time.start.toordinal() + day
                for letter in letters
                for day in range((letter.time.end - letter.time.start).days or 1)
            }
        ),
        conflicts=_number(relevant, "conflicts"),
        reclassified=_number(relevant, "catalogue"),
        log_gaps=_number(relevant, "log gap"),
        null_windows=null_windows(study, statements, windows),
        without_heartbeat=without_heartbeat(study, statements.functions_heard()),
        without_event=[name for name in functions if name not in functions_with_events],
        study_letters=statements.study_letters,
        measured_for=study.exposure.measured_for,
        empty_groups=_empty_groups(study, statements.groups),
    )


def _empty_groups(study: Study, groups: Collection[str]) -> list[str]:
    measured = study.exposure.measured_for.values()
    return sorted({group for named in measured for group in named} - {*groups})


def without_heartbeat(study: Study, heard: Collection[str]) -> list[str]:
    """The functions of which no use is known, as no heartbeat of everybody names them."""
    if study.coverage == "assumed":
        return []
    return [name for name in study.exposure.functions if name not in heard]


def no_heartbeat_line(functions: Iterable[str]) -> str:
    """What to do about functions without a heartbeat."""
    return (
        f"no heartbeat: {', '.join(functions)}; all use of this is unknown. Send "
        "study.heartbeat events, or write 'coverage: assumed' in study.yaml if the log "
        "is complete"
    )


def _number(gaps: Iterable[UnknownTime], cause: GapCause) -> int:
    return sum(gap.number for gap in gaps if gap.cause == cause)


def _functions_of(
    letters: Sequence[UnknownTime], functions: Sequence[str]
) -> list[str]:
    named = {letter.time.function for letter in letters}
    return list(functions) if "" in named else [f for f in functions if f in named]


def _days(number: int) -> str:
    return f"{number:,} day{'s' * (number != 1)}"
