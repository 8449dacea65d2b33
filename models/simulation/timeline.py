"""The days of a simulated study, counted from the first day of its first window."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from panelstream.models.arrays import Integers
from panelstream.models.study.template import WAVE_EVERY_DAYS, WAVE_OPEN_DAYS

FIRST_WINDOW_DAYS = 91


@dataclass(frozen=True)
class Timeline:
    """`waves` waves, the first opening on `first_opens_on`."""

    first_opens_on: date
    waves: int

    @property
    def begins_on(self) -> date:
        """The first day on which use counts."""
        return self.first_opens_on - timedelta(days=FIRST_WINDOW_DAYS)

    @property
    def days(self) -> int:
        """Days from the first window's first to the last wave's last."""
        return self.opening(self.waves - 1) + WAVE_OPEN_DAYS

    @property
    def periods(self) -> Integers:
        """For each day the index of the wave whose window or opening it is in."""
        elapsed = np.arange(self.days) - FIRST_WINDOW_DAYS - WAVE_OPEN_DAYS
        return np.maximum(elapsed // WAVE_EVERY_DAYS + 1, 0)

    def opening(self, wave_index: int) -> int:
        """The day on which a wave opens."""
        return FIRST_WINDOW_DAYS + WAVE_EVERY_DAYS * wave_index

    def window(self, wave_index: int) -> slice:
        """The days between the wave before and this one."""
        opening = self.opening(wave_index)
        start = self.opening(wave_index - 1) + WAVE_OPEN_DAYS if wave_index else 0
        return slice(start, opening)
