"""How estimators fare where people leave after a high outcome, with and without remedy.

    python -m tests.long.dropout_table

prints the table of docs/explanation/dropout.md.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.dropout import bootstrap
from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.fit import Term
from panelstream.analysis.plan.specifications import Specification
from tests.lib.planted import Truth, plant, specify

SEEDS = 200
DRAWS = 100
"""Fewer than in an analysis: hundreds of panels average what one cannot."""

LEAVING = Truth(persons=400, waves=5, leaving=0.15, attrition=1.0)
STAYING = replace(LEAVING, leaving=1e-12, attrition=0.0)
ESTIMATORS = {
    "pooled": "pooled",
    "fixed_effects": "within",
    "first_difference": "within",
    "within_between": "between",
}
REMEDIES: dict[str, dict[str, Any]] = {
    "complete cases": {},
    "weights": {"weights": "attrition"},
    "imputation": {"missing": "imputed"},
}


def measure(seeds: int = SEEDS) -> pd.DataFrame:
    """Rows of estimator, component, remedy, bias, its error, and coverage."""
    bootstrap.DRAWS = DRAWS
    return pd.DataFrame(
        [
            {"estimator": estimator, "component": component, "remedy": name} | row
            for estimator, component in ESTIMATORS.items()
            for name, row in _of_estimator(estimator, component, seeds)
        ]
    )


def _of_estimator(
    estimator: str, component: str, seeds: int
) -> Iterator[tuple[str, dict[str, float]]]:
    plain = specify(estimator)
    truth = np.mean(
        [_term(plain, component, plant(STAYING, s)).estimate for s in range(seeds)]
    )
    for name, how in REMEDIES.items():
        asked = replace(plain, **how)
        terms = [_term(asked, component, plant(LEAVING, s)) for s in range(seeds)]
        estimates = np.array([term.estimate for term in terms])
        yield (
            name,
            {
                "bias": estimates.mean() - truth,
                "error": estimates.std(ddof=1) / np.sqrt(seeds),
                "held": sum(bool(t.ci_low <= truth <= t.ci_high) for t in terms),
            },
        )


def _term(specification: Specification, component: str, panel: pd.DataFrame) -> Term:
    [term] = [t for t in fit(specification, panel).terms if t.component == component]
    return term


def table(found: pd.DataFrame, seeds: int = SEEDS) -> str:
    """The rows as docs/explanation/dropout.md shows them."""
    rows = ["| estimator | remedy | bias | coverage |", "|---|---|---|---|"]
    rows += [
        f"| `{row.estimator}` ({row.component}) | {row.remedy} | {row.bias:+.3f} ± "
        f"{row.error:.3f} | {row.coverage:.1%} |".replace("%", " %")
        for row in found.assign(coverage=found["held"] / seeds).itertuples()
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(measure()))  # noqa: T201  # what it is for
