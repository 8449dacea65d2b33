"""One simulated study of a plan: drawn, fitted and judged as a real one would be.

Each confirmatory regression is fitted to a panel without any effect, and to the same
panel with the smallest effect of interest of each of its exposures added to the
outcome. The leads and the test of a straight line of the first panel count for both:
the added effect is a multiple of a regressor, which moves no residual.

Where only one effect of the plan is real, its p-values are those of the second panel
and all others those of the first, adjusted together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import (
    shift_waves,
    to_floats,
    transform_exposure,
)
from panelstream.analysis.estimation.estimates import Results, fit_all
from panelstream.analysis.plan.conventions import ALPHA
from panelstream.analysis.plan.specifications import Specification
from panelstream.analysis.verdicts.verdicts import (
    ASSOCIATED,
    FEEDBACK,
    LARGER,
    LEAD,
    NEGLIGIBLE,
    NOT_ESTIMATED,
    SMALL,
    TOO_FEW,
    holm,
    judge,
    smallest_effects,
)
from panelstream.models.arrays import Mask, Matrix, Vector
from panelstream.models.study.study import Planned

COEFFICIENT = ["specification", "outcome", "exposure"]
CHANCES = ("alone", "together", "negligible")
"""What is counted of each coefficient: found if it alone is real, found if all are,
and called negligible if none is."""


class People(Protocol):
    """Whoever can be drawn into a panel."""

    def draw(self, people: int, rng: np.random.Generator) -> pd.DataFrame:
        """A row for each person and wave, without an effect or with known slopes."""


@dataclass(frozen=True, eq=False)
class Simulator:
    """What is the same in every simulated study.

    `regressions`: confirmatory specifications; `leads`: their counterparts among the
    sensitivity checks; `slopes`: what `people` already have of each regression's
    exposures, and lose before an effect is planted.
    """

    study: Planned
    people: People
    regressions: tuple[Specification, ...]
    leads: tuple[Specification, ...]
    slopes: dict[Specification, Vector]

    def simulate(self, people: int, seed: Sequence[int]) -> pd.DataFrame:
        """A row for each coefficient with a smallest effect: what was counted.

        Columns specification, outcome, exposure, `CHANCES`, and `false`: whether any
        coefficient of the plan was called associated where none is.
        """
        panel = self.people.draw(people, np.random.default_rng(seed))
        nothing = self._fit(panel, (*self.regressions, *self.leads), planted=False)
        planted = self._fit(panel, self.regressions, planted=True)
        null = judge(nothing, self.study).estimates
        full = judge(_with_leads(planted, nothing), self.study).estimates
        null, full = (_family(rows) for rows in (null, full))
        sized = np.isfinite(smallest_effects(null, self.study))
        is_false = null["verdict"].isin([LARGER, ASSOCIATED, SMALL]).any()
        counted = null[COEFFICIENT].assign(
            alone=_found_alone(null, full, sized),
            together=full["verdict"].isin([LARGER, ASSOCIATED]),
            negligible=null["verdict"] == NEGLIGIBLE,
            false=bool(is_false),
        )
        return counted[sized]

    def _fit(
        self,
        panel: pd.DataFrame,
        specifications: Iterable[Specification],
        planted: bool,
    ) -> Results:
        fits = [
            fit_all(
                [entry],
                {entry.window: self._plant(panel, entry, planted)},
                decisive=True,
            )
            for entry in specifications
        ]
        return Results(
            pd.concat([fit.estimates for fit in fits], ignore_index=True),
            pd.concat([fit.tests for fit in fits], ignore_index=True),
        )

    def _plant(
        self, panel: pd.DataFrame, specification: Specification, planted: bool
    ) -> pd.DataFrame:
        """The panel with an outcome that has exactly the wanted slopes."""
        base = self.regressions[self._position(specification)]
        effects = -self.slopes[base]
        if planted:
            effects = effects + planned_effects(base, self.study)
        use = np.nan_to_num(exposure_columns(base, panel))
        outcome = to_floats(panel[base.outcome]) + use @ effects
        return panel.assign(**{base.outcome: outcome})

    def _position(self, specification: Specification) -> int:
        """Of the confirmatory specification that this is, or is the lead of."""
        keys = [
            (entry.specification, entry.outcome, entry.exposures)
            for entry in self.regressions
        ]
        name = specification.specification.removesuffix(f".{LEAD}")
        return keys.index((name, specification.outcome, specification.exposures))


def make_simulator(
    study: Planned,
    people: People,
    specifications: Sequence[Specification],
    pilot: pd.DataFrame | None = None,
) -> Simulator:
    """The simulator of a plan; with a pilot, its own slopes are taken away.

    So the coefficient of the pilot, from which persons are drawn, is exactly 0 before
    an effect is planted.
    """
    regressions = tuple(entry for entry in specifications if entry.confirmatory)
    names = {f"{entry.specification}.{LEAD}" for entry in regressions}
    # What leads find in a pilot is of these people, and would be found in every draw.
    checks = specifications if pilot is None else ()
    leads = tuple(entry for entry in checks if entry.specification in names)
    slopes = {
        entry: np.zeros(len(entry.exposures))
        if pilot is None
        else pilot_slopes(entry, pilot)
        for entry in regressions
    }
    return Simulator(study, people, regressions, leads, slopes)


def pilot_slopes(specification: Specification, pilot: pd.DataFrame) -> Vector:
    """The within coefficients (q,) of a pilot; 0 where there is none."""
    rows = fit_all([specification], {specification.window: pilot}).estimates
    within = rows[rows["component"] == "within"].set_index("exposure")["estimate"]
    estimates: Vector = within.reindex(list(specification.exposures)).to_numpy(
        dtype=np.float64
    )
    return np.asarray(np.nan_to_num(estimates))


def planned_effects(specification: Specification, study: Planned) -> Vector:
    """The smallest effect (q,) of each exposure; 0 where none applies."""
    row = {
        "outcome": specification.outcome,
        "measure": specification.measure,
        "transform": specification.transform,
        "estimator": specification.estimator,
        "component": "within",
    }
    [smallest] = smallest_effects(pd.DataFrame([row]), study)
    return np.full(len(specification.exposures), float(np.nan_to_num(smallest)))


def exposure_columns(specification: Specification, panel: pd.DataFrame) -> Matrix:
    """Exposures (n, q) as they enter, at the wave of the outcome."""
    return np.column_stack(
        [
            shift_waves(
                transform_exposure(specification, panel[name]),
                panel,
                specification.shift,
            )
            for name in specification.columns
        ]
    )


def _with_leads(planted: Results, nothing: Results) -> Results:
    """The planted regressions beside the leads of the panel without an effect."""
    estimates, tests = (
        rows[rows["specification"].str.endswith(f".{LEAD}")]
        for rows in (nothing.estimates, nothing.tests)
    )
    return Results(
        pd.concat([planted.estimates, estimates], ignore_index=True),
        pd.concat([planted.tests, tests], ignore_index=True),
    )


def _family(estimates: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a verdict."""
    rows: pd.DataFrame = estimates[estimates["verdict"] != ""].reset_index(drop=True)
    return rows


def _found_alone(null: pd.DataFrame, full: pd.DataFrame, sized: Mask) -> Mask:
    """Coefficients (n,) that are found where each alone is real; `sized` (n,) can be."""
    barred = full["verdict"].isin([TOO_FEW, NOT_ESTIMATED, FEEDBACK]).to_numpy()
    everything = np.ones(len(null), dtype=np.bool_)
    differs, negligible = (
        _adjusted_alone(
            null[name].to_numpy(dtype=np.float64),
            full[name].to_numpy(dtype=np.float64),
            family,
        )
        < ALPHA
        for name, family in (("p_value", everything), ("equivalence_p", sized))
    )
    return np.asarray(differs & ~negligible & ~barred)


def _adjusted_alone(null: Vector, full: Vector, family: Mask) -> Vector:
    """Holm's p (n,) of each of `full` (n,) among all others of `null` (n,)."""
    places = range(len(null))
    return np.array(
        [
            holm(np.where(np.arange(len(null)) == j, full, null), family)[j]
            for j in places
        ]
    )
