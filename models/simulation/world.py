"""What is true in the simulated study: how people use functions, and what it does.

The survey (JMIR Form Res 2021;5(9):e21348) guides how many people use a function
how often, and the level and spread of the scores. Its Column row repeats another
row, so Column is a guess. The effects are planted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from panelstream.models.arrays import Array
from panelstream.models.instruments.instrument import (
    Instrument,
    Item,
    Scale,
    find_instrument,
)

DAYS_A_YEAR = ((0, 0), (0.5, 3.5), (3.5, 25), (25, 97), (97, 239), (239, 310))
"""Bounds of the active days a year behind the answers never … almost every day."""


@dataclass(frozen=True)
class Act:
    """An event type with its data, and how common it is within its function."""

    type: str
    data: str = "{}"
    weight: float = 1.0


@dataclass(frozen=True)
class Habit:
    """`shares` of people by answer 0..5; `mean_further_acts` beyond a day's first one."""

    shares: tuple[float, float, float, float, float, float]
    mean_further_acts: float
    acts: tuple[Act, ...]


_KINDS = {"like": 6, "great": 3, "interesting": 2, "want_to_do": 1, "empathy": 4}
_TARGETS = {"story": 3, "funcan": 2, "column": 1}


def _reactions(event_type: str) -> tuple[Act, ...]:
    return tuple(
        Act(event_type, f'{{"kind":"{kind}","target":"{target}"}}', often * common)
        for kind, often in _KINDS.items()
        for target, common in _TARGETS.items()
    )


WITHDRAWALS = _reactions("u2plus.reaction_withdrawn")
"""In the order of the reactions that they take back."""
SIGNED_UP = Act("u2plus.signed_up")
READING = Act("u2plus.psychoeducation_viewed")
HEARTBEAT = "study.heartbeat"

HABITS: Mapping[str, Habit] = {
    "sign_in": Habit(
        (0.04, 0.43, 0.31, 0.07, 0.09, 0.06), 0.3, (Act("u2plus.signed_in"),)
    ),
    "reaction": Habit(
        (0.36, 0.21, 0.15, 0.09, 0.12, 0.07), 1.5, _reactions("u2plus.reaction_given")
    ),
    "story": Habit(
        (0.30, 0.29, 0.19, 0.10, 0.08, 0.04),
        0.8,
        (Act("u2plus.story_viewed", weight=6), Act("u2plus.story_posted")),
    ),
    "cycle": Habit(
        (0.53, 0.25, 0.16, 0.04, 0.015, 0.005), 0.5, (Act("u2plus.cycle_posted"),)
    ),
    "funcan": Habit(
        (0.40, 0.23, 0.17, 0.06, 0.09, 0.05), 0.4, (Act("u2plus.funcan_posted"),)
    ),
    "column": Habit(
        (0.42, 0.24, 0.18, 0.09, 0.06, 0.01), 0.2, (Act("u2plus.column_posted"),)
    ),
}
FUNCTIONS = tuple(HABITS)
JOINT = tuple(name for name in FUNCTIONS if name != "sign_in")
"""Functions used together; signing in goes its own way (see `use`)."""


@dataclass(frozen=True)
class Effects:
    """Points of a score per active day a week more; a function not named has none."""

    within: Mapping[str, float] = field(default_factory=dict)
    between: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """How one score arises, in its own points.

    People lie within `spread` of `level`, which moves by `drift` a wave. `precision`
    is that of the beta distribution behind one answer: the higher, the less noise.
    """

    instrument: str
    scale: str
    level: float
    spread: float
    precision: float
    drift: float
    effects: Effects

    @property
    def column(self) -> str:
        """The score's column of the panel."""
        return f"{self.instrument}_{self.scale}"

    @cached_property
    def definition(self) -> Scale:
        """The scale in the shipped instrument."""
        scales = shipped(self.instrument).scales
        return next(scale for scale in scales if scale.code == self.scale)

    @property
    def items(self) -> tuple[Item, ...]:
        """The scale's items; all have the same range."""
        codes = self.definition.items
        return tuple(i for i in shipped(self.instrument).items if i.code in codes)

    @cached_property
    def item_range(self) -> tuple[int, int]:
        """Lowest and highest code of each item."""
        low, high = self.items[0].low, self.items[0].high
        assert low is not None
        assert high is not None
        return low, high

    @cached_property
    def points(self) -> int:
        """How many points the items can give together above their lowest codes."""
        low, high = self.item_range
        return len(self.definition.items) * (high - low)

    def to_score(self, total: Array) -> Array:
        """The score of `total` points above the lowest codes."""
        return total / self._per_score + self._lowest

    def to_points(self, score: Array) -> Array:
        """The inverse of `to_score`."""
        return (score - self._lowest) * self._per_score

    @cached_property
    def _per_score(self) -> int:
        return 1 if self.definition.method == "sum" else len(self.definition.items)

    @cached_property
    def _lowest(self) -> int:
        items = len(self.definition.items)
        return self.item_range[0] * (items if self.definition.method == "sum" else 1)


@cache
def shipped(name: str) -> Instrument:
    """The shipped instrument `name`."""
    return find_instrument(name, Path()).value


PHQ9 = Score(
    "phq9",
    "total",
    level=12.3,
    spread=11.2,
    precision=20,
    drift=-0.2,
    effects=Effects({"funcan": -0.6}, {"reaction": 0.5, "sign_in": 0.4}),
)
SCORES = (
    Score(
        "pdd",
        "total",
        level=36.0,
        spread=17.0,
        precision=160,
        drift=-0.3,
        effects=Effects(
            {"story": -2.5, "funcan": -3.0},
            {"reaction": 1.0, "funcan": 0.8, "cycle": -1.5, "sign_in": -1.0},
        ),
    ),
    Score(
        "ghsq",
        "formal",
        level=4.3,
        spread=1.8,
        precision=60,
        drift=0.02,
        effects=Effects(
            {"story": 0.35, "sign_in": 0.3},
            {"reaction": -0.12, "story": 0.1, "column": 0.3},
        ),
    ),
    Score(
        "ghsq",
        "informal",
        level=3.6,
        spread=1.9,
        precision=60,
        drift=0.02,
        effects=Effects(
            {"reaction": 0.35},
            {"story": 0.15, "funcan": -0.1, "sign_in": 0.2},
        ),
    ),
    PHQ9,
)
