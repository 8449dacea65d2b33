"""The panel of the analysis benchmarks, and fits of it by name.

People, use and scores of a simulated study of 24,000 participants and 8 waves.
Argument: where to write the panel.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.measuring import measured, tell
from panelstream.analysis.plan.specifications import Specification
from panelstream.models import simulation
from panelstream.models.simulation import Simulation
from panelstream.models.study.estimators import ESTIMATOR_RULES
from panelstream.models.study.study import Window

PARTICIPANTS, WAVES = 24_000, 8
FUNCTIONS = ("sign_in", "reaction", "story", "cycle", "funcan", "column")
OUTCOMES = ("pdd_total", "ghsq_formal", "ghsq_informal", "phq9_total")
TERMS = tuple(f"{name}_days_per_week" for name in FUNCTIONS)
REPEATS = 5

PLAIN = Specification(
    specification="bench",
    estimator="fixed_effects",
    outcome=OUTCOMES[0],
    exposures=FUNCTIONS,
    measure="days_per_week",
    transform="none",
    effects=("participant", "wave"),
    fixed=(),
    varying=(),
    window=Window(kind="between_waves"),
    confirmatory=True,
)


def write_panel(path: Path) -> None:
    """The panel as Parquet."""
    simulation.simulate_panel(Simulation(PARTICIPANTS, WAVES)).to_parquet(path)


def bench_specification(words: str) -> Specification:
    """The specification of a fit such as `within_between`, `fixed_effects+attrition`.

    After the plus stands a layer. Estimators of one exposure are given one.
    """
    estimator, _, layer = words.partition("+")
    effects = ESTIMATOR_RULES[estimator].effects
    exposures = FUNCTIONS[2:3] if estimator in ("gmm", "ri_clpm") else FUNCTIONS
    specification = replace(
        PLAIN, estimator=estimator, effects=effects, exposures=exposures
    )
    option = "missing" if layer in ("imputed", "delta") else "weights"
    fields: dict[str, Any] = {option: layer} if layer else {}
    return replace(specification, **fields)


def measure(fit: Callable[[], float], mode: str) -> None:
    """Print the seconds of `fit`, which returns its first estimate, and the memory.

    `warm`: the best of some after one that does not count; `once`: the first.
    """
    repeats = 1 if mode == "once" else REPEATS
    if mode == "warm":
        fit()
    seconds, estimate = min(_timed(fit) for _ in range(repeats))
    tell(seconds, estimate=estimate)


def _timed(fit: Callable[[], float]) -> tuple[float, float]:
    began = time.perf_counter()
    estimate = fit()
    return time.perf_counter() - began, estimate


if __name__ == "__main__":
    with measured():
        write_panel(Path(sys.argv[1]))
