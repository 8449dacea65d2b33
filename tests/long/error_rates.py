"""How often verdicts err where a few people do most of what is done.

    python -m tests.long.error_rates 200 studies.csv

adds the seeds that studies.csv has not; `tests.long.error_tables` makes tables of them.
Each seed is a study: a panel is drawn, the demo's plan of 18 tests is fitted and judged.
`run_study` is the path of the command: `expand_plan`, `fit_all`, `judge`. `solve_study`
calls the same functions on arrays, and computes once what use alone decides, such as
CR2's matrices; it is seven times as fast, and `test_error_rates_in_a_few` compares both.
The numbers of a seed do not depend on which others were run, so that a run may be
stopped and continued.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from sys import argv
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation import estimates, shape
from panelstream.analysis.estimation.clustered import (
    Clustered,
    cluster,
    quadratic_form,
)
from panelstream.analysis.estimation.design import Column, Design
from panelstream.analysis.estimation.diagnostics import LEADS
from panelstream.analysis.estimation.estimates import (
    ESTIMATE_COLUMNS,
    TEST_COLUMNS,
    Results,
    fit_all,
)
from panelstream.analysis.estimation.estimators import fixed_effects
from panelstream.analysis.estimation.fit import Diagnostic
from panelstream.analysis.estimation.inference import (
    deviations,
    identify,
    least_squares,
    person_sums,
)
from panelstream.analysis.estimation.shape import CURVATURE
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification, expand_plan
from panelstream.analysis.verdicts.verdicts import judge
from panelstream.models.arrays import Mask, Matrix, Vector
from panelstream.models.study.study import PanelStudy
from tests.lib.heavy_use import FUNCTIONS, NOISE, SMALLEST, World, draw_panel

USE = ("gaussian", "heavy", "volatile")
PERSONS = (80, 350)
WAVES = (6, 2, 12, 3)
EDGE = {name: (-1.0) ** place for place, name in enumerate(FUNCTIONS)}
"""Every truth is exactly the smallest effect, in either direction."""

TRUTHS = {"zero": {}, "edge": EDGE}
COUNTED = (
    "associated",
    "negligible",
    "larger",
    "feedback",
    "excluded",
    "curved",
    "few",
    "covered",
    "estimated",
)
"""Numbers of coefficients of a study with such a verdict or reservation; whose interval
holds the truth; and that have a number."""


@dataclass(frozen=True)
class Cell:
    """A kind of study, and the truth in it: a name of `TRUTHS`."""

    world: World
    truth: str
    leads: bool = True
    errors: str = "cr2"

    @property
    def key(self) -> dict[str, object]:
        """What names it in the results."""
        world = self.world
        return {
            "use": world.use,
            "persons": world.persons,
            "waves": world.waves,
            "truth": self.truth,
            "errors": self.errors,
        }


def cells() -> list[Cell]:
    """All kinds of studies; and heavy-tailed ones with CR1, as a comparison.

    Only the null needs leads: they can take a verdict away, and never give one.
    """
    all_cells = [
        Cell(World(use, persons, waves, effects=effects), truth, not effects)  # type: ignore[arg-type]
        for waves in WAVES
        for persons in PERSONS
        for use in USE
        for truth, effects in TRUTHS.items()
    ]
    cr1 = [
        replace(cell, errors="cr1", leads=False)
        for cell in all_cells
        if cell.truth == "zero"
        and cell.world.waves == 6
        and cell.world.use != "gaussian"
    ]
    return [*all_cells, *cr1]


def plan_study(leads: bool = True, errors: str = "cr2") -> PanelStudy:
    """The demo's plan: five functions jointly and signing in alone, on three outcomes."""
    common = {
        "estimator": "within_between",
        "outcomes": list(NOISE),
        "measure": "days_per_week",
        "errors": errors,
    }
    return PanelStudy.model_validate(
        {
            "study": "errors",
            "title": "t",
            "smallest_effect": dict(SMALLEST),
            "plan": {
                "confirmatory": [
                    {
                        **common,
                        "specification": "functions",
                        "exposures": list(FUNCTIONS[1:]),
                    },
                    {
                        **common,
                        "specification": "signing_in",
                        "exposures": [FUNCTIONS[0]],
                    },
                ],
                "sensitivity": ["lead"] if leads else [],
            },
        }
    )


def run_study(study: PanelStudy, panel: pd.DataFrame) -> Results:
    """All fits of the plan, and their verdicts."""
    with only_what_verdicts_need():
        return judge(fit_all(expand_plan(study), {None: panel}), study)


@contextmanager
def only_what_verdicts_need() -> Iterator[None]:
    """Without the diagnostics of the fitted data that no verdict needs."""
    unneeded = ("influence", "wild_cluster", "variance_shares")
    with ExitStack() as stack:
        for name in unneeded:
            stack.enter_context(patch.object(fixed_effects, name, _nothing))
        serial = patch.object(fixed_effects, "serial_correlation", _no_test)
        stack.enter_context(serial)
        # Threads would wait for each other.
        stack.enter_context(patch.object(estimates, "WORKERS", 1))
        yield


def _nothing(*_: object) -> Sequence[object]:
    return ()


def _no_test(*_: object) -> Diagnostic:
    return Diagnostic("serial_correlation")


def solve_study(study: PanelStudy, panel: pd.DataFrame) -> Results:
    """As `run_study`, by the same functions; what use alone decides is computed once.

    The three outcomes are missing together. The within part of a within-between
    model is that of fixed effects. A test compares both.
    """
    specifications = expand_plan(study)
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    # The outcomes of one regression have the same regressors.
    groups: dict[tuple[str, int], list[Specification]] = {}
    for specification in specifications:
        key = (specification.specification, specification.shift)
        groups.setdefault(key, []).append(specification)
    for group in groups.values():
        for fit, specification in zip(solve(group, panel), group, strict=True):
            rows += estimates_of(specification, fit)
            tests += fit.tests
    return judge(
        Results(
            pd.DataFrame(rows).reindex(columns=list(ESTIMATE_COLUMNS)),
            pd.DataFrame(tests).reindex(columns=list(TEST_COLUMNS)),
        ),
        study,
    )


@dataclass(frozen=True)
class Solution:
    """Of the exposures (q,) of one regression, and rows of its tests."""

    estimates: Vector
    std_errors: Vector
    df: Vector
    sole: Mask
    tests: list[dict[str, Any]]
    n_participants: int


def solve(group: Sequence[Specification], panel: pd.DataFrame) -> Iterator[Solution]:
    """The regressions of a group, which differ in the outcome only."""
    shift, waves = group[0].shift, int(panel["wave"].max())
    if waves - shift < 2:
        missing = np.full(len(group[0].exposures), np.nan)
        sole = np.zeros(len(missing), dtype=np.bool_)
        yield from (Solution(missing, missing, missing, sole, [], 0) for _ in group)
        return
    design = design_of(group[0], panel)
    outcomes = panel[[entry.outcome for entry in group]].to_numpy()[design.rows]
    columns = deviations(design.regressors, design.persons)
    identification = identify(columns)
    fits = cluster_all(design, outcomes, columns[:, identification.basis])
    contrasts = np.eye(columns.shape[1])[: len(design.exposures)]
    df, sole = fits[0].degrees_of_freedom(contrasts), fits[0].carriers(contrasts).sole
    tests: list[list[dict[str, Any]]] = [[] for _ in group]
    if shift:
        for place, wald in enumerate(wald_all(fits, contrasts)):
            tests[place].append({"test": LEADS, "p_value": wald})
    else:
        bent = shape._bend(design)
        bent_columns = deviations(bent.regressors, bent.persons)
        bent_identification = identify(bent_columns)
        bent_fits = cluster_all(
            design, outcomes, bent_columns[:, bent_identification.basis]
        )
        for column, shapes in shape._shapes(design, bent_identification, bent_fits[0]):
            for place, wald in enumerate(wald_all(bent_fits, shapes)):
                tests[place].append(
                    {"test": CURVATURE, "p_value": wald, "term": column.name}
                )
    for place, (entry, fit) in enumerate(zip(group, fits, strict=True)):
        labels = {
            "specification": entry.specification,
            "outcome": entry.outcome,
            "exposures": entry.regression,
        }
        count = len(contrasts)
        coefficients = fit.fitted.coefficients[:count]
        yield Solution(
            # What one person alone identifies has no number.
            np.where(sole, np.nan, coefficients),
            np.sqrt(np.diag(fit.covariance)[:count]),
            df,
            sole,
            [{**labels, **test} for test in tests[place]],
            fit.persons,
        )


def design_of(specification: Specification, panel: pd.DataFrame) -> Design:
    """As `build_design` with effects of persons, for a panel sorted by person and wave."""
    waves, persons = panel["wave"].to_numpy(), panel["participant_id"].to_numpy()
    use = panel[list(specification.columns)].to_numpy()
    last, shift = waves.max(), specification.shift
    complete = panel[specification.outcome].notna().to_numpy() & (waves <= last - shift)
    complete &= np.bincount(persons, complete)[persons] > 1
    rows = np.flatnonzero(complete)
    terms = [Column(name, "exposure", name) for name in specification.columns]
    regressors = [use[rows + shift]]
    if shift:
        regressors.append(use[rows])
        terms += [Column(f"same {name}", "varying") for name in specification.columns]
    dummies = [(waves[rows] == wave) * 1.0 for wave in range(2, int(last) - shift + 1)]
    terms += [Column(f"wave[{place}]", "wave") for place in range(len(dummies))]
    return Design(
        outcome=np.zeros(len(rows)),
        regressors=np.column_stack([*regressors, *dummies]),
        columns=tuple(terms),
        persons=np.unique(persons[rows], return_inverse=True)[1],
        waves=waves[rows] - 1,
        wave_numbers=waves[rows],
        weights=np.ones(len(rows)),
        rows=rows,
        incomplete=0,
        singletons=0,
    )


def cluster_all(design: Design, outcomes: Matrix, columns: Matrix) -> list[Clustered]:
    """One regression for each outcome (n, m), clustered; A is computed once."""
    values = deviations(outcomes, design.persons)
    fits = [least_squares(column, columns, design.persons, 1) for column in values.T]
    first = cluster(fits[0], "cr2")
    clustered = []
    for fitted in fits:
        scores = first.adjusted * fitted.residuals[:, None]
        influences = person_sums(scores, design.persons) @ fitted.inverse.T
        covariance = influences.T @ influences
        clustered.append(replace(first, fitted=fitted, covariance=covariance))
    return clustered


def wald_all(fits: Sequence[Clustered], contrasts: Matrix) -> list[float]:
    """p of the joint test for each outcome; NaN where there are too few persons."""
    try:
        first = fits[0].wald(contrasts)
    except NotEstimable:
        return [np.nan] * len(fits)
    scale = first.df / (first.df + first.count - 1) / first.count
    p_values = []
    for fit in fits:
        covariance = contrasts @ fit.covariance @ contrasts.T
        square = quadratic_form(contrasts @ fit.fitted.coefficients, covariance)
        p_values.append(float(stats.f.sf(scale * square, first.count, first.df)))
    return p_values


def estimates_of(
    specification: Specification, solved: Solution
) -> Iterator[dict[str, Any]]:
    """Rows of estimates of the within components."""
    margins = stats.t.ppf(0.975, solved.df) * solved.std_errors
    ratios = np.abs(solved.estimates / solved.std_errors)
    p_values = 2 * stats.t.sf(ratios, solved.df)
    for place, (name, column) in enumerate(
        zip(specification.exposures, specification.columns, strict=True)
    ):
        estimate = solved.estimates[place]
        yield {
            "specification": specification.specification,
            "outcome": specification.outcome,
            "exposures": specification.regression,
            "term": column,
            "component": "within",
            "exposure": name,
            "measure": specification.measure,
            "transform": "none",
            "estimator": specification.estimator,
            "timing": specification.timing,
            "confirmatory": specification.confirmatory,
            "estimate": estimate,
            "std_error": solved.std_errors[place],
            "df": solved.df[place],
            "p_value": p_values[place],
            "ci_low": estimate - margins[place],
            "ci_high": estimate + margins[place],
            "sole_person": bool(solved.sole[place]),
            "n_participants": solved.n_participants,
            "verdict": "",
            "reservations": "",
            "note": "",
        }


def count(cell: Cell, seed: int) -> dict[str, int]:
    """`COUNTED` of one study."""
    study, panel = plan_study(cell.leads, cell.errors), draw_panel(cell.world, seed)
    solver = solve_study if cell.errors == "cr2" else run_study
    rows = solver(study, panel).estimates
    rows = rows[rows["confirmatory"] & (rows["component"] == "within")]
    verdicts, effects = rows["verdict"], rows["exposure"].map(cell.world.effects)
    truth = (effects * rows["outcome"].map(SMALLEST)).fillna(0.0)
    tests = {
        "associated": verdicts.str.contains("associated"),
        "negligible": verdicts.str.contains("negligible"),
        "larger": verdicts.str.contains("larger"),
        "feedback": verdicts.str.contains("feedback"),
        "excluded": rows["reservations"].str.contains("feedback excluded"),
        "curved": verdicts.str.contains("straight"),
        "few": verdicts.str.contains("few people"),
        "covered": truth.between(rows["ci_low"], rows["ci_high"]),
        "estimated": rows["estimate"].notna(),
    }
    return {name: int(mask.sum()) for name, mask in tests.items()}


def simulate(seeds: range, path: Path) -> None:
    """Add the seeds that are not there yet, a cell at a time."""
    done = set(_keys(pd.read_csv(path))) if path.exists() else set()
    for cell in cells():
        rows = [
            {**cell.key, "seed": seed, **count(cell, seed)}
            for seed in seeds
            if (*cell.key.values(), seed) not in done
        ]
        pd.DataFrame(rows).to_csv(path, mode="a", header=not path.exists(), index=False)


def _keys(results: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    names = ["use", "persons", "waves", "truth", "errors", "seed"]
    yield from results[names].itertuples(index=False, name=None)


if __name__ == "__main__":
    simulate(range(int(argv[1])), Path(argv[2]))
