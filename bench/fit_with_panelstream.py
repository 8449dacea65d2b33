"""Ours: fit one specification to a panel.

Arguments: the panel, the fit as in `bench.fitting`, warm or once.
"""

import math
import sys

import pandas as pd

from bench.fitting import asked, measure
from panelstream.analysis.estimation.estimates import fit


def main(path: str, words: str, mode: str) -> None:
    """Measure a fit; one that came to nothing is an error."""
    specification, panel = asked(words), pd.read_parquet(path)

    def once() -> float:
        found = fit(specification, panel)
        if math.isnan(found.terms[0].estimate):
            raise RuntimeError(found.note + found.terms[0].note)
        return found.terms[0].estimate

    measure(once, mode)


if __name__ == "__main__":
    main(*sys.argv[1:])
