"""Where intervals hold the planted truth, and where they do not.

    python -m tests.long.validity

prints the table of docs/explanation/validity.md. A new estimator is a row of `CANDIDATES`, a new
trouble one of `TROUBLES`; where both go together well, a pair of `HOLDS`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import binom

from panelstream.analysis.estimation.estimates import fit
from tests.lib.planted import Truth, plant, specify

SEEDS = 200
CHANCE = 0.001
"""That coverage of 95 % falls outside `limits`."""

PLAIN = Truth(persons=400, waves=5)
TROUBLES = {
    "none": PLAIN,
    "within and between are equal": replace(PLAIN, between=PLAIN.within),
    "answers missing by chance": replace(PLAIN, leaving=0.1, missed=0.1),
    # At five waves two biases of fixed effects happen to cancel.
    "lasting movements": replace(PLAIN, waves=10, persistence=0.4, use_persistence=0.4),
    "the outcome feeds back on use": replace(PLAIN, feedback=0.3),
    "use is measured with error": replace(PLAIN, error=0.5),
    "leaving after a high outcome": replace(PLAIN, leaving=0.15, attrition=1.0),
    "leaving before a high outcome": replace(PLAIN, leaving=0.15, attrition_unseen=1.0),
}


@dataclass(frozen=True)
class Candidate:
    """An estimator's component, and what it looks for: `within` or `of_means`."""

    estimator: str
    component: str
    target: str = "within"
    fields: dict[str, object] = field(default_factory=dict)


CANDIDATES = {
    "fixed_effects": Candidate("fixed_effects", "within"),
    "first_difference": Candidate("first_difference", "within"),
    "within_between, within": Candidate("within_between", "within"),
    "within_between, between": Candidate("within_between", "between", "of_means"),
    "random_slopes": Candidate("random_slopes", "within"),
    "between": Candidate("between", "between", "of_means"),
    "random_effects": Candidate("random_effects", "pooled"),
    "pooled": Candidate("pooled", "pooled"),
    "gmm": Candidate("gmm", "within"),
    "ri_clpm": Candidate("ri_clpm", "within", fields={"timing": "same"}),
}

WITHIN = (
    "fixed_effects",
    "first_difference",
    "within_between, within",
    "random_slopes",
)
DYNAMIC = ("gmm", "ri_clpm")
HOLDS = {
    "none": (*WITHIN, *DYNAMIC, "within_between, between", "between"),
    "within and between are equal": tuple(CANDIDATES),
    "answers missing by chance": (*WITHIN, *DYNAMIC),
    "lasting movements": DYNAMIC,
    "the outcome feeds back on use": DYNAMIC,
    "use is measured with error": (),
    "leaving after a high outcome": ("ri_clpm",),
    "leaving before a high outcome": (),
}
"""Where the assumptions hold. On unbalanced panels the mean measures everybody's
habit by another number of waves, so that `of_means` is not one number."""


@dataclass(frozen=True)
class Found:
    """Over seeds: the mean estimate less the truth, and how often it was covered."""

    bias: float
    held: int
    seeds: int

    @property
    def covered(self) -> bool:
        """Whether the count is within binomial limits of 95 %."""
        low, high = limits(self.seeds)
        return bool(low <= self.held <= high)


def limits(seeds: int) -> tuple[float, float]:
    """Counts between which coverage of 95 % stays, but for `CHANCE`."""
    low, high = binom.ppf([CHANCE / 2, 1 - CHANCE / 2], seeds, 0.95)
    return float(low), float(high)


def measure(trouble: str, name: str, seeds: Iterable[int]) -> Found:
    """Fit a candidate to a panel of each seed."""
    truth, candidate = TROUBLES[trouble], CANDIDATES[name]
    target = getattr(truth, candidate.target)
    specification = specify(candidate.estimator, **candidate.fields)
    terms = []
    for seed in seeds:
        result = fit(specification, plant(truth, seed))
        (term,) = (
            entry for entry in result.terms if entry.component == candidate.component
        )
        terms.append(term)
    return Found(
        bias=float(np.mean([entry.estimate for entry in terms])) - target,
        held=sum(entry.ci_low <= target <= entry.ci_high for entry in terms),
        seeds=len(terms),
    )


def table() -> str:
    """A row for each estimator, a column for each trouble: bias, coverage."""
    head = ["| estimator |", *(f" {trouble} |" for trouble in TROUBLES)]
    lines = ["".join(head), "|---" * (len(TROUBLES) + 1) + "|"]
    for name in CANDIDATES:
        cells = [_cell(measure(entry, name, range(SEEDS))) for entry in TROUBLES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(found: Found) -> str:
    words = f"{found.bias:+.2f}, {found.held / found.seeds:.0%}".replace("%", " %")
    return words if found.covered else f"**{words}**"


if __name__ == "__main__":
    print(table())  # noqa: T201  # what it is for
