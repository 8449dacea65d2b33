"""Do intervals hold where people leave and a few of them do most of what is done?

Simulation error: of `SEEDS` intervals at 95 %, the number that hold the truth is within
binomial limits of one in a thousand; a bias is within four of its standard errors.
"""

import pytest
from scipy.stats import binom

from panelstream.analysis.estimation.dropout import bootstrap
from tests.long import heavy_tailed_dropout as simulation
from tests.long.heavy_tailed_dropout import Coverage

LOW, HIGH = binom.ppf([0.0005, 0.9995], simulation.SEEDS, 0.95)


def holds(result: Coverage) -> bool:
    """Unbiased and covering, as far as the simulation can tell."""
    return LOW <= result.held <= HIGH and abs(result.bias) < 4 * result.error


@pytest.mark.long
@pytest.mark.parametrize(
    ("estimator", "remedy", "leaving_on"),
    [
        ("fixed_effects", "imputation", "outcome"),
        ("fixed_effects", "imputation", "use"),
        ("first_difference", "weights", "outcome"),
    ],
)
def test_remedies_hold_the_effect_within(
    monkeypatch: pytest.MonkeyPatch, estimator: str, remedy: str, leaving_on: str
) -> None:
    """Leaving depends on the last outcome, or on the use of the wave that is missed."""
    monkeypatch.setattr(bootstrap, "DRAWS", bootstrap.DRAWS)
    how = simulation.REMEDIES[estimator, remedy]
    assert holds(simulation.measure_remedy(estimator, how, leaving_on))


@pytest.mark.long
def test_delta_along_use_is_the_slope_among_the_lost() -> None:
    """With the planted slope intervals hold what everyone's answers say; without, not.

    So a conclusion changes at the slope that the tipping point names.
    """
    assert holds(simulation.measure_lost_slope(True))
    imputed = simulation.measure_lost_slope(False)
    assert imputed.bias < -4 * imputed.error
