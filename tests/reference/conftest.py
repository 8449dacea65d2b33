"""The panel that the reference scripts read, and specifications over it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.estimation.design import WEIGHT
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.study.study import Window

HERE = Path(__file__).parent
VARIANTS = ("dropout", "two_waves", "missing_wave", "balanced", "constant")
NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "ci_low", "ci_high")

PLAIN = Specification(
    specification="reference",
    estimator="pooled",
    outcome="pdd_total",
    exposures=("reaction", "story"),
    measure="days_per_week",
    transform="none",
    effects=("wave",),
    fixed=("age", "gender"),
    varying=("phq9_total_previous",),
    window=Window(kind="between_waves"),
    confirmatory=False,
    errors="cr1",
)


@pytest.fixture
def panel() -> pd.DataFrame:
    """The panel of `panel.csv`."""
    return pd.read_csv(HERE / "panel.csv")


@pytest.fixture
def dynamics() -> pd.DataFrame:
    """The panel of `dynamics.csv`, of answered and unanswered waves."""
    return pd.read_csv(HERE / "dynamics.csv")


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    """The name of an awkward panel, as in `common.R`."""
    return str(request.param)


@pytest.fixture
def variants(panel: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The awkward panels by name; story is the same in every row of `constant`."""
    complete = panel.dropna()
    rows = complete.groupby("participant_id")["wave"].transform("size")
    return {
        "dropout": complete,
        "two_waves": complete[complete["wave"] <= 2],
        "missing_wave": complete[complete["wave"] != 3],
        "balanced": complete[rows == 5],
        "constant": complete.assign(story_days_per_week=2.0),
    }


@pytest.fixture
def weighted(panel: pd.DataFrame) -> pd.DataFrame:
    """The panel with the weights of the reference scripts."""
    complete = panel.dropna()
    weights = 1 + (complete["wave"] * 7 + complete["gender"].str.len() * 3) % 5
    return complete.assign(**{WEIGHT: weights * 1.0})


@pytest.fixture
def equal() -> Callable[[Fit, pd.DataFrame, float], None]:
    """Assert that a fit's terms with numbers are R's, number by number.

    Contextual effects are held against R in `clubsandwich` alone.
    """

    def require(found: Fit, wanted: pd.DataFrame, rel: float) -> None:
        terms = [
            term
            for term in found.terms
            if not term.note and term.component != "contextual"
        ]
        names = [term.term for term in terms]
        if len({term.component for term in terms}) > 1:
            names = [f"{term.component}.{term.term}" for term in terms]
        assert sorted(names) == sorted(wanted["term"])
        for name, term in zip(names, terms, strict=True):
            row = wanted[wanted["term"] == name].iloc[0]
            for number in NUMBERS:
                assert getattr(term, number) == pytest.approx(row[number], rel=rel), (
                    name,
                    number,
                )
        assert found.n_obs == wanted["n_obs"].iloc[0]
        assert found.n_participants == wanted["n_participants"].iloc[0]

    return require


@pytest.fixture
def specify() -> Callable[..., Specification]:
    """The plain specification with some fields changed."""

    def change(**fields: object) -> Specification:
        return replace(PLAIN, **fields)  # type: ignore[arg-type]  # any field may be replaced

    return change


@pytest.fixture
def expected() -> Callable[..., pd.DataFrame]:
    """Read what R wrote for one model: rows in R's order."""

    def read(folder: str, model: str, name: str = "expected.csv") -> pd.DataFrame:
        rows = pd.read_csv(HERE / folder / name)
        return rows[rows["model"] == model].reset_index(drop=True)

    return read
