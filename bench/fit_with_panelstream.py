"""Ours: fit one specification to a panel.

Arguments: the panel, the fit as in `bench.fitting`, warm or once.
"""

import math
import sys

import pandas as pd

from bench.fitting import bench_specification, measure
from panelstream.analysis.estimation.estimates import fit


def main(path: str, words: str, mode: str) -> None:
    """Measure a fit; one that has no number is an error."""
    specification, panel = bench_specification(words), pd.read_parquet(path)

    def once() -> float:
        fitted = fit(specification, panel)
        if math.isnan(fitted.terms[0].estimate):
            raise RuntimeError(fitted.note + fitted.terms[0].note)
        return fitted.terms[0].estimate

    measure(once, mode)


if __name__ == "__main__":
    main(*sys.argv[1:])
