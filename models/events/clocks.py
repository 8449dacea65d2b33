"""Clocks that are known to be wrong: whose times are read as others, and which.

A sender's clock was off for a while, as its `senttime` against our own clock shows. The
log keeps the times as recorded. Whoever reads it for analysis reads corrected times.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from panelstream.models.config_file import Frozen
from panelstream.models.timestamps import EARLIEST, LATEST

_SHIFT = re.compile(r"([+-])(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_UNITS = ("days", "hours", "minutes", "seconds")
_LARGEST = LATEST - EARLIEST


def _parse_shift(value: Any) -> timedelta:
    match = _SHIFT.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()[1:]):
        raise ValueError(
            "write a sign and days, hours, minutes or seconds: +1h, -9h, +30m or -1d12h"
        )
    sign, *numbers = match.groups()
    try:
        shift = timedelta(
            **{unit: int(n) for unit, n in zip(_UNITS, numbers, strict=True) if n}
        )
    except OverflowError:
        shift = _LARGEST
    if not timedelta(0) < shift < _LARGEST:
        raise ValueError("a shift of nothing, or of centuries, corrects no clock")
    return -shift if sign == "-" else shift


Shift = Annotated[timedelta, BeforeValidator(_parse_shift)]


class ClockCorrection(Frozen):
    """What a source recorded in [from, until) took place `shift` later."""

    source: str = Field(min_length=1, max_length=256)
    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="until")
    shift: Shift

    @model_validator(mode="after")
    def _plausible(self) -> "ClockCorrection":
        if self.end <= self.start:
            raise ValueError("'until' is not after 'from'; exchange them")
        shift = self.shift
        if not EARLIEST <= self.start <= self.end <= LATEST:
            raise ValueError("'from' or 'until' lies before 1970 or after 2148")
        if self.start - EARLIEST < -shift or LATEST - self.end < shift:
            raise ValueError("shifted times lie before 1970 or after 2148")
        return self

    @property
    def shift_text(self) -> str:
        """The shift as a study file writes it."""
        size, sign = abs(self.shift), "-" if self.shift < timedelta(0) else "+"
        hours, seconds = divmod(size.seconds, 3600)
        numbers = {"d": size.days, "h": hours, "m": seconds // 60, "s": seconds % 60}
        return sign + "".join(f"{n}{unit}" for unit, n in numbers.items() if n)

    def as_dict(self) -> dict[str, str]:
        """For manifests, with the keys of the study file."""
        return {
            "source": self.source,
            "from": self.start.isoformat(),
            "until": self.end.isoformat(),
            "shift": self.shift_text,
        }

    def __str__(self) -> str:
        """One line for a reader."""
        return f"{self.source} {self.shift_text} from {self.start} until {self.end}"

    def overlaps(self, earlier: "ClockCorrection") -> bool:
        """Whether both correct some time of one source."""
        is_same = self.source == earlier.source
        return is_same and self.start < earlier.end and earlier.start < self.end


@dataclass(frozen=True)
class Clocks:
    """All corrections of a study; those of one source do not overlap."""

    corrections: tuple[ClockCorrection, ...] = ()

    def correct(self, source: str, recorded: datetime) -> datetime:
        """When an event of a source took place, from the time that it has."""
        for correction in self.corrections:
            is_of_source = correction.source == source
            if is_of_source and correction.start <= recorded < correction.end:
                return recorded + correction.shift
        return recorded

    def correct_columns(self, sources: pa.Array, recorded: pa.Array) -> pa.Array:
        """The same for arrays (n,) of sources and of instants; nulls stay null."""
        corrected = recorded
        for correction in self.corrections:
            start = pa.scalar(correction.start, recorded.type)
            end = pa.scalar(correction.end, recorded.type)
            inside = pc.and_(pc.greater_equal(recorded, start), pc.less(recorded, end))
            applies = pc.and_(pc.equal(sources, correction.source), inside)
            shifted = pc.add(recorded, pa.scalar(correction.shift, pa.duration("us")))
            corrected = pc.if_else(pc.fill_null(applies, False), shifted, corrected)
        return corrected

    def correct_span(
        self, source: str, start: datetime, end: datetime
    ) -> Iterator[tuple[datetime, datetime]]:
        """The times [start, end) by a source's clock, as those in which they were.

        It is cut where a correction begins or ends. The parts may overlap, or have a
        gap between them: of the time in it, the source said nothing.
        """
        corrections = [c for c in self.corrections if c.source == source]
        bounds = {at for c in corrections for at in (c.start, c.end)}
        cuts = [start, *sorted(at for at in bounds if start < at < end), end]
        for first, last in pairwise(cuts):
            shift = self.correct(source, first) - first
            yield first + shift, last + shift
