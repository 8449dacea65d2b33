"""Measured use of the functions, and the survey's words for how often."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from panelstream.models.arrays import Array

FREQUENCIES = (
    "never",
    "once_a_year",
    "once_a_month",
    "once_a_week",
    "a_few_times_a_week",
    "almost_every_day",
)
"""The survey's six answers, in the order of their codes 0 to 5."""


@dataclass(frozen=True)
class MeasuredUse:
    """Counted use: arrays (rows, functions) of events and of active local days."""

    counts: Array
    days: Array
    further: Mapping[str, Array] = field(default_factory=dict)
    """Each column (rows,) of a further measure, as counted."""
