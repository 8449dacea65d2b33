"""Real panels: R's answers beside ours, fitted as columns of a table from elsewhere."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.study.measures import AS_IS

HERE = Path(__file__).parent
ASKED = {
    "wages": {
        "outcome": "lwage",
        "exposures": ("union", "married"),
        "fixed": ("educ",),
    },
    "investment": {
        "outcome": "invest",
        "exposures": ("value", "capital"),
        "fixed": (),
    },
    "depression": {"outcome": "bdi", "exposures": ("treated",), "fixed": ("drug",)},
}
# lme4's optimizer stops early; the rest are sums and one solution of equations.
AGREEMENT = {"within_between": 1e-6}


@pytest.fixture(scope="module")
def panels() -> dict[str, pd.DataFrame]:
    """What `panels.py` says, by name."""
    spec = importlib.util.spec_from_file_location("real_panels", HERE / "panels.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: make() for name, make in module.PANELS.items()}


@pytest.mark.parametrize("name", sorted(ASKED))
@pytest.mark.parametrize(
    "estimator",
    ["fixed_effects", "random_effects", "first_difference", "within_between"],
)
def test_terms_equal_r(
    panels: dict[str, pd.DataFrame],
    specify: Callable[..., Specification],
    equal: Callable[[Fit, pd.DataFrame, float], None],
    name: str,
    estimator: str,
) -> None:
    """Estimates, errors, t, p and limits, persons and rows."""
    effects = ("participant", "wave") if estimator == "fixed_effects" else ("wave",)
    specification = specify(
        estimator=estimator,
        effects=effects,
        measure=AS_IS,
        varying=(),
        window=None,
        **ASKED[name],
    )
    rows = pd.read_csv(HERE / "expected.csv")
    expected = rows[(rows["panel"] == name) & (rows["model"] == estimator)]
    result = fit(specification, panels[name])
    equal(result, expected, AGREEMENT.get(estimator, 1e-9))


def test_half_of_the_patients_are_gone_at_the_end(
    panels: dict[str, pd.DataFrame],
) -> None:
    """The trial is what it is said to be: 100 begin, 52 answer the last time."""
    answered = panels["depression"].groupby("wave").size()
    assert answered.to_list() == [100, 97, 73, 58, 52]
