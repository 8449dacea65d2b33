"""The peer: pyfixest with its quickest settings. Arguments: the panel, warm or once."""

import sys
import warnings

import pandas as pd
import pyfixest

from bench.fitting import OUTCOMES, TERMS, measure

FORMULA = f"{OUTCOMES[0]} ~ {' + '.join(TERMS)} | participant_id + wave"


def main(path: str, mode: str) -> None:
    """Measure the same fixed effects with the same clustered errors."""
    warnings.simplefilter("ignore")  # it tells of the singletons that it drops
    panel = pd.read_parquet(path)

    def once() -> float:
        fitted = pyfixest.feols(
            FORMULA,
            panel,
            vcov={"CRV1": "participant_id"},
            copy_data=False,
            store_data=False,
            lean=True,
        )
        return float(fitted.coef().iloc[0])

    measure(once, mode)


if __name__ == "__main__":
    main(*sys.argv[1:])
