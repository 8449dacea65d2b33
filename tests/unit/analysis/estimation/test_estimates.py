"""The frames of estimates and tests: columns, order, notes, and no exceptions."""

from collections.abc import Callable
from dataclasses import replace
from time import sleep

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation import estimates
from panelstream.analysis.estimation.dropout import bootstrap
from panelstream.analysis.estimation.estimates import fit, fit_all
from panelstream.analysis.estimation.fit import Fit
from panelstream.analysis.plan.specifications import Specification
from panelstream.analysis.verdicts.verdicts import judge
from panelstream.models.study.estimators import ErrorType
from panelstream.models.study.study import Study, Window

WINDOW = Window(kind="between_waves")
STATED_ESTIMATES = (
    "specification, title, outcome, exposures, term, component, exposure, measure, "
    "transform, estimator, timing, window, effects, covariates, weights, missing, estimate, std_error, std_error_type, statistic, "
    "df, n_changing, largest_share, sole_person, p_value, p_adjusted, p_bh, ci_low, "
    "ci_high, standardized, equivalence_p, equivalence_adjusted, larger_p, "
    "larger_adjusted, verdict, reservations, n_obs, n_participants, n_waves, "
    "floor_share, ceiling_share, confirmatory, post_hoc, note"
)
STATED_TESTS = (
    "specification, outcome, exposures, term, test, statistic, df, df_denominator, "
    "p_value, p_adjusted, post_hoc, note"
)

BOTH = Specification(
    specification="functions",
    estimator="within_between",
    outcome="pdd_total",
    exposures=("story", "column"),
    measure="days_per_week",
    transform="none",
    effects=("wave",),
    fixed=(),
    varying=(),
    window=WINDOW,
    confirmatory=True,
)
FIXED = replace(
    BOTH,
    specification="functions.fixed_effects",
    estimator="fixed_effects",
    effects=("participant", "wave"),
    confirmatory=False,
)
POOLED = replace(
    BOTH, specification="logged", estimator="pooled", transform="log1p", measure="count"
)


@pytest.fixture
def panel() -> pd.DataFrame:
    """Twenty persons and three waves of noise."""
    random = np.random.default_rng(11)
    n = 60
    uses = {
        f"{name}_{measure}": random.gamma(2, 1, n)
        for name in ("story", "column")
        for measure in ("days_per_week", "count")
    }
    return pd.DataFrame(
        {
            "participant_id": np.repeat([f"p{i:02d}" for i in range(20)], 3),
            "wave": np.tile([1, 2, 3], 20),
            "pdd_total": random.normal(40, 5, n),
            **uses,
        }
    )


def test_columns_are_the_stated_ones(panel: pd.DataFrame) -> None:
    """Both frames have the columns that readers of the files are promised."""
    results = fit_all([BOTH], {WINDOW: panel})
    assert ", ".join(results.estimates.columns) == STATED_ESTIMATES
    assert ", ".join(results.tests.columns) == STATED_TESTS


def test_rows_follow_the_plan(panel: pd.DataFrame) -> None:
    """Specifications, exposures and components keep their order."""
    results = fit_all([BOTH, POOLED, FIXED], {WINDOW: panel})
    rows = results.estimates[["specification", "term", "component"]]
    assert rows.to_numpy().tolist() == [
        ["functions", "story_days_per_week", "within"],
        ["functions", "story_days_per_week", "between"],
        ["functions", "story_days_per_week", "contextual"],
        ["functions", "column_days_per_week", "within"],
        ["functions", "column_days_per_week", "between"],
        ["functions", "column_days_per_week", "contextual"],
        ["logged", "log1p(story_count)", "pooled"],
        ["logged", "log1p(column_count)", "pooled"],
        ["functions.fixed_effects", "story_days_per_week", "within"],
        ["functions.fixed_effects", "column_days_per_week", "within"],
    ]


def test_rows_describe_their_specification(panel: pd.DataFrame) -> None:
    """What was fitted, on how much, can be read from the row alone."""
    row = fit_all([BOTH], {WINDOW: panel}).estimates.iloc[0]
    assert row["exposure"] == "story"
    assert row["measure"] == "days_per_week"
    assert row["std_error_type"] == "cluster_person_cr2"
    assert (row["timing"], row["weights"], row["missing"]) == (
        "same",
        "none",
        "complete",
    )
    assert (row["n_obs"], row["n_participants"], row["n_waves"]) == (60, 20, 3)
    assert 1 < row["df"] < 19
    assert row["n_changing"] == 20
    assert 1 / 20 < row["largest_share"] < 1
    assert bool(row["confirmatory"])
    assert row["note"] == ""


def test_rows_at_the_ends_are_counted(panel: pd.DataFrame) -> None:
    """Of four values 1, 1, 2, 3 half are at the floor, whatever becomes of the fit."""
    values = pd.Series(np.resize([1.0, 1.0, 2.0, 3.0], 60))
    unknown = np.arange(60) < 20
    ordinal = panel.assign(pdd_total=values.mask(unknown))
    rows = fit_all([BOTH, FIXED], {WINDOW: ordinal}).estimates
    assert (rows["n_obs"] < 60).all()
    complete = values[~unknown]
    assert rows["floor_share"].iloc[0] == (complete == 1).sum() / 40 == 0.5
    assert rows["ceiling_share"].iloc[0] == (complete == 3).sum() / 40 == 0.25
    constant = fit_all([BOTH], {WINDOW: panel.assign(pdd_total=1.0)}).estimates
    assert constant["floor_share"].isna().all()


def test_tests_of_each_estimator(panel: pd.DataFrame) -> None:
    """Every fit describes collinearity, shares and single persons; one compares."""
    tests = fit_all([BOTH, POOLED, FIXED], {WINDOW: panel}).tests
    shares = ["within_share", "between_share"] * 3
    shape = [*["zero_share"] * 2, *["movement_low", "movement_high"] * 2]
    persons = ["influence_change", "influence_sign", "influence_significance"] * 2
    assert tests.groupby("specification", sort=False)["test"].agg(list).to_dict() == {
        "functions": [
            "within_equals_between",
            "intraclass_correlation",
            "null_intraclass_correlation",
            "r_squared_marginal",
            "r_squared_conditional",
            *["model_std_error"] * 4,
            "convergence",
            "vif_max",
            *shares,
            "serial_correlation",
            *["curvature"] * 2,
            *shape,
            *persons,
            *["wild_cluster_p"] * 2,
        ],
        "logged": ["vif_max", *shares],
        "functions.fixed_effects": [
            "vif_max",
            "r_squared_within",
            *shares,
            "serial_correlation",
            *shape,
            *persons,
        ],
    }


def test_rows_left_out_are_noted(panel: pd.DataFrame) -> None:
    """The note says how many rows had missing values, and how many were alone."""
    panel.loc[[0, 1, 5], "story_days_per_week"] = np.nan
    note = fit_all([FIXED], {WINDOW: panel}).estimates["note"][0]
    assert note == "rows with missing values left out: 3; singleton rows left out: 1"


def test_progress_counts_fits_and_rows_stay_in_order(panel: pd.DataFrame) -> None:
    """Whichever ends first."""
    seen = []
    specifications = [BOTH, replace(POOLED, outcome="ghsq_formal"), FIXED]
    result = fit_all(specifications, {WINDOW: panel}, lambda *done: seen.append(done))
    assert seen == [(1.0, 3), (2.0, 3), (3.0, 3)]
    names = [specification.specification for specification in specifications]
    assert result.estimates["specification"].drop_duplicates().to_list() == names


def test_progress_is_told_of_the_steps_of_a_layer(
    panel: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draws of a bootstrap are parts of a fit."""
    monkeypatch.setattr(bootstrap, "DRAWS", 4)
    seen = []
    fit_all(
        [replace(FIXED, weights="attrition")],
        {WINDOW: panel},
        lambda *done: seen.append(done),
    )
    assert seen == [(0.25, 1), (0.5, 1), (0.75, 1), (1.0, 1), (1.0, 1)]


def test_fits_at_the_same_time_give_the_same_bytes(panel: pd.DataFrame) -> None:
    """As one after another, and again."""
    specifications = [BOTH, FIXED, POOLED] * 8
    alone = [
        fit_all([specification], {WINDOW: panel}) for specification in specifications
    ]
    for _ in range(2):
        result = fit_all(specifications, {WINDOW: panel})
        for name in ("estimates", "tests"):
            expected = pd.concat(
                [getattr(entry, name) for entry in alone], ignore_index=True
            )
            assert getattr(result, name).to_csv() == expected.to_csv()


def test_broken_off_nothing_more_begins(
    panel: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever follows the progress can stop it, as Ctrl-C does."""
    begun = []
    monkeypatch.setattr(estimates, "WORKERS", 1)

    def slowly(specification: Specification, *_: object) -> Fit:
        begun.append(specification)
        sleep(0.01)
        return Fit(specification, ())

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(estimates, "fit", slowly)
    with pytest.raises(KeyboardInterrupt):
        fit_all([BOTH] * 300, {WINDOW: panel}, stop)
    assert len(begun) < 300


def test_broken_off_a_running_fit_ends_with_its_next_step(
    panel: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bootstrap of hundreds of draws is not waited for."""
    drawn = []
    monkeypatch.setattr(estimates, "WORKERS", 1)

    def bootstrapping(
        specification: Specification, _: object, progress: Callable[[int, int], None]
    ) -> None:
        for draw in range(1000):
            drawn.append(draw)
            progress(draw, 1000)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(estimates, "fit", bootstrapping)
    with pytest.raises(KeyboardInterrupt):
        fit_all([BOTH], {WINDOW: panel}, stop)
    assert len(drawn) < 1000


def test_what_cannot_be_fitted_stops_nothing(panel: pd.DataFrame) -> None:
    """Rows without numbers and with a reason; the next specification goes on."""
    absent = replace(BOTH, outcome="ghsq_formal")
    estimates = fit_all([absent, FIXED], {WINDOW: panel}).estimates
    lost = estimates[estimates["outcome"] == "ghsq_formal"]
    assert len(lost) == 6
    assert lost["component"].tolist() == ["within", "between", "contextual"] * 2
    assert set(lost["note"]) == {"not fitted: the panel has no column ghsq_formal"}
    assert lost[["estimate", "std_error", "p_value", "df"]].isna().all(axis=None)
    assert (lost["n_obs"] == 0).all()
    assert estimates["estimate"].notna().sum() == 2


def test_a_window_without_a_panel_is_noted(panel: pd.DataFrame) -> None:
    """Which window was wanted is said by its name."""
    other = replace(BOTH, window=Window(kind="lookback", days=28))
    estimates = fit_all([other], {WINDOW: panel}).estimates
    assert set(estimates["note"]) == {
        "not fitted: no panel with the window lookback_28"
    }


def test_too_few_rows_are_noted(panel: pd.DataFrame) -> None:
    """Three rows carry three coefficients and no error: a note, not an exception."""
    result = fit(BOTH, panel.iloc[[0, 1, 3]])
    assert result.note == "not fitted: 3 rows are too few for 3 coefficients"


@pytest.mark.parametrize(
    ("specification", "why"),
    [
        (replace(FIXED, effects=("wave",)), "fixed_effects needs the effect"),
        (
            replace(POOLED, effects=("participant",)),
            "pooled cannot have the effect participant",
        ),
    ],
)
def test_effects_that_contradict_the_estimator_are_noted(
    panel: pd.DataFrame, specification: Specification, why: str
) -> None:
    """Nothing is silently ignored."""
    assert why in fit(specification, panel).note


def test_no_specifications_give_empty_frames(panel: pd.DataFrame) -> None:
    """An empty plan has the columns and no rows, and can be judged."""
    results = fit_all([], {WINDOW: panel})
    assert ", ".join(results.estimates.columns) == STATED_ESTIMATES
    study = Study.model_validate(
        {
            "study": "s",
            "title": "t",
            "timezone": "UTC",
            "waves": [{"wave": 1, "opens_on": "2027-01-11", "closes_on": "2027-01-31"}],
            "instruments": ["pdd"],
            "exposure": {"functions": ["story"]},
            "outcomes": ["pdd_total"],
        }
    )
    assert len(judge(results, study).estimates) == 0
    assert len(judge(fit_all([BOTH], {WINDOW: panel}), study).estimates) == 6


def test_the_same_panel_gives_the_same_frames(panel: pd.DataFrame) -> None:
    """Two runs agree in every byte."""
    first = fit_all([BOTH, POOLED, FIXED], {WINDOW: panel})
    second = fit_all([BOTH, POOLED, FIXED], {WINDOW: panel.copy()})
    assert first.estimates.to_csv() == second.estimates.to_csv()
    assert first.tests.to_csv() == second.tests.to_csv()


@pytest.mark.parametrize("errors", ["cr2", "cr1"])
def test_a_function_of_one_person_has_no_number(
    panel: pd.DataFrame, errors: ErrorType
) -> None:
    """Nobody else's data say anything of it: no estimate, no p, and the reason."""
    first = panel["participant_id"] == panel["participant_id"].iloc[0]
    use = panel["story_days_per_week"].where(first, 0.0)
    specifications = [replace(one, errors=errors) for one in (BOTH, FIXED)]
    changed = panel.assign(story_days_per_week=use)
    rows = fit_all(specifications, {WINDOW: changed}).estimates
    rows = rows[rows["exposure"] == "story"]
    assert len(rows) == 4
    assert rows[["estimate", "std_error", "df", "p_value"]].isna().all().all()
    assert (rows["n_changing"] == 1).all()
    assert set(rows["note"]) == {"not estimable: only one person's data identify it"}


def test_errors_are_those_of_the_specification(panel: pd.DataFrame) -> None:
    """CR1 has persons less one degrees of freedom, CR2 fewer; estimates are the same."""
    plain, other = (
        fit_all([replace(FIXED, errors=errors)], {WINDOW: panel}).estimates.iloc[0]
        for errors in ("cr2", "cr1")
    )
    assert plain["estimate"] == pytest.approx(other["estimate"])
    assert other["std_error_type"] == "cluster_person_cr1"
    assert other["df"] == other["n_participants"] - 1
    assert plain["df"] < other["df"]
