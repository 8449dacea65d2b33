"""A plan's 48 fits with their diagnostics: four outcomes, six functions, two estimators.

Argument: the panel.
"""

import sys
from dataclasses import replace

import pandas as pd

from bench.fitting import FUNCTIONS, OUTCOMES, PLAIN, bench_specification
from bench.measuring import measured
from panelstream.analysis.estimation.estimates import fit_all


def main(path: str) -> None:
    """Measure them as `panelstream analyse` makes them."""
    specifications = [
        replace(specification, outcome=outcome, exposures=(name,))
        for specification in (
            bench_specification("fixed_effects"),
            bench_specification("within_between"),
        )
        for outcome in OUTCOMES
        for name in FUNCTIONS
    ]
    panel = pd.read_parquet(path)
    with measured():
        estimates = fit_all(specifications, {PLAIN.window: panel}).estimates
    if estimates["estimate"].isna().any():
        raise RuntimeError("a fit has no number")


if __name__ == "__main__":
    main(*sys.argv[1:])
