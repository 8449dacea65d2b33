"""The tables: right numbers, small ones withheld, any platform."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from panelstream.analysis.estimation.estimates import ESTIMATE_COLUMNS
from panelstream.analysis.report.people_behind import people_behind
from panelstream.analysis.report.release import REDACTED, ReleasedTable, release
from panelstream.analysis.report.tables import Builder, participants, survey
from panelstream.analysis.report.tables.limits import fisher_limits
from panelstream.models.study.study import Window
from panelstream.models.study.use import FREQUENCIES
from tests.lib import panels
from tests.lib.panels import Inputs


@pytest.fixture(scope="module")
def u2plus(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A study with a confirmatory plan."""
    return panels.u2plus(tmp_path_factory.mktemp("u2plus"))


@pytest.fixture(scope="module")
def built(u2plus: Inputs) -> dict[str, ReleasedTable]:
    """Its tables by name."""
    return u2plus.released()


@pytest.fixture
def forum(tmp_path: Path) -> Inputs:
    """A small study without one."""
    return panels.forum(tmp_path)


def test_every_table_is_there(built: dict[str, ReleasedTable]) -> None:
    """A full study yields all tables, under stable names, in the page's order."""
    assert list(built) == [
        "participant_flow",
        "use",
        "outcomes_by_wave",
        "specifications",
        "estimates_confirmatory",
        "estimates_sensitivity",
        "estimates_exploratory",
        "tests",
        "survey_table_1",
        "survey_table_2",
        "survey_table_3",
        "self_report_agreement",
        "self_report_by_wave",
        "bands_by_wave",
        "reliability_by_wave",
        "invariance_over_waves",
        "careless_by_wave",
        "safety_by_wave",
        "locks_and_waves",
    ]


def test_another_platform_has_the_tables_it_can(forum: Inputs) -> None:
    """Without plan, tests and self-reports those tables are left out."""
    built = forum.released()
    assert "estimates_exploratory" in built
    assert not {"estimates_confirmatory", "tests", "self_report_agreement"} & set(built)


def test_flow_counts_people(forum: Inputs) -> None:
    """40, 31, 12 and 5 eligible: rounded, and the last wave withheld."""
    flow = forum.released()["participant_flow"].frame
    assert list(flow["eligible"]) == [40.0, 30.0, 10.0, REDACTED]
    assert list(flow["lost_since_previous"][:2].fillna(-1)) == [-1, 10.0]


def test_no_percentage_gives_a_withheld_whole_away(forum: Inputs) -> None:
    """5 of 40 gave no answer: that 35 did is withheld, and so is any share of 35."""
    panel = forum.panel.copy()
    unanswered = (panel["wave"] == 1) & (panel.groupby("wave").cumcount() < 5)
    panel.loc[unanswered, ["responded_at", "mood_calm"]] = np.nan
    flow = _table(participants.participant_flow, forum, panel)
    assert (flow["eligible"][0], flow["answered"][0]) == (40.0, REDACTED)
    assert flow["complete_outcomes"][0] == 35.0
    assert flow["complete_outcomes_percent"][0] == REDACTED
    assert flow["lost_since_previous_percent"][1] == REDACTED


def test_nobody_is_lost_between_rounds(forum: Inputs) -> None:
    """A round's first wave has no previous one."""
    flow = forum.released()["participant_flow"].frame
    assert pd.isna(flow["lost_since_previous"][2])


def test_unknown_use_is_not_no_use(built: dict[str, ReleasedTable]) -> None:
    """Where no use is known there is no mean, and everybody counts as not known."""
    use = built["use"].frame
    row = use[(use["function"] == "cycle") & (use["wave"] == 2)].iloc[0]
    assert pd.isna(row["mean_days_per_week"])
    assert (row["n"], row["not_known_percent"]) == (0.0, 100.0)


def test_frequencies_sum_to_their_own_n(built: dict[str, ReleasedTable]) -> None:
    """Each row's n is the total of its shown cells, their percentages of it 100."""
    for _, row in built["survey_table_1"].frame.iterrows():
        shown = [row[f] for f in FREQUENCIES if row[f] != REDACTED]
        shares = [row[f"{f}_percent"] for f in FREQUENCIES]
        assert sum(shown) == row["n"]
        assert sum(s for s in shares if s != REDACTED) == pytest.approx(100)


def test_first_wave_is_used_for_the_survey_tables(
    u2plus: Inputs, built: dict[str, ReleasedTable]
) -> None:
    """The correlation is that of the answered rows of wave 1."""
    first = u2plus.panel[u2plus.panel["wave"] == 1].dropna(subset=["responded_at"])
    expected = first["story_frequency"].corr(first["pdd_total"])
    table = built["survey_table_2"].frame
    row = table[(table["outcome"] == "pdd_total") & (table["function"] == "story")]
    assert row["r"].iloc[0] == pytest.approx(expected, rel=1e-3)


def test_fisher_interval_by_hand() -> None:
    """r = .5 with n = 28: z = .549306 within .391993 is z of .15603 to .73582."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=28)
    noise = rng.normal(size=28)
    x = (x - x.mean()) / x.std()
    noise -= noise.mean() + x * (x @ noise) / 28
    y = 0.5 * x + np.sqrt(0.75) * noise / noise.std()
    r = survey.correlation(x, y)
    assert r == pytest.approx(0.5)
    limits = fisher_limits(np.array([r]), np.array([28.0]))
    np.testing.assert_allclose(np.ravel(limits), (0.15603, 0.73582), atol=1e-5)


def test_a_constant_has_no_correlation() -> None:
    """It is missing, not zero."""
    assert np.isnan(survey.correlation(np.ones(20), np.arange(20.0)))


def test_perfect_correlation_has_no_width() -> None:
    """Both limits of r = 1 are 1."""
    assert np.ravel(fisher_limits(np.array([1.0]), np.array([9.0]))).tolist() == [1, 1]


def test_moments_give_no_number_of_people_away(u2plus: Inputs) -> None:
    """Solved for n, mean, SD and interval of 57 people's scores give 55."""
    frame = _table(participants.outcomes_by_wave, u2plus, _first(u2plus, 57))
    row = frame[frame["outcome"] == "pdd_total"].iloc[0]

    def half_width(n: int) -> float:
        return float(stats.t.ppf(0.975, n - 1) * row["sd"] / np.sqrt(n))

    assert row["n"] == 55
    assert _solved(half_width, (row["ci_high"] - row["ci_low"]) / 2) == 55


def test_correlations_give_no_number_of_people_away(u2plus: Inputs) -> None:
    """Solved for n, Fisher's interval of 57 people gives 55."""
    frame = _table(survey.survey_table_2, u2plus, _first(u2plus, 57))
    for _, row in frame[frame["outcome"] == "pdd_total"].iterrows():
        width = np.arctanh(row["ci_high"]) - np.arctanh(row["ci_low"])
        assert row["n"] == 55
        assert _solved(lambda n: 2 * 1.959964 / np.sqrt(n - 3), width) == 55


def test_regressions_give_no_number_of_people_away(u2plus: Inputs) -> None:
    """Solved for n, t with p of 57 people on 6 functions give 55.

    p to four digits tells neighbours apart where t is well away from 0.
    """
    frame = _table(survey.survey_table_3, u2plus, _first(u2plus, 57))
    solvable = frame[frame["t"].abs() > 1.5]
    assert len(solvable)
    for _, row in solvable.iterrows():
        p_value = partial(_regression_p, row["t"])
        assert _solved(p_value, row["p_value"]) == 55


@pytest.mark.parametrize(("users", "withheld"), [(0, False), (1, True), (8, False)])
def test_one_persons_use_is_not_a_mean(
    u2plus: Inputs, users: int, withheld: bool
) -> None:
    """Of 60 people 1 uses a function: 60 times the mean would be that one's use."""
    panel = _first(u2plus, 60)
    used = np.where(np.arange(60) < users, 3.0, 0.0)
    panel = panel.assign(story_days_per_week=used, story_frequency=used)
    use = _table(participants.use_by_wave, u2plus, panel)
    row = use[use["function"] == "story"].iloc[0]
    moments = ("mean_days_per_week", "sd", "ci_low", "ci_high")
    assert [row[c] == REDACTED for c in moments] == [withheld] * 4
    cases: tuple[tuple[Builder, tuple[str, ...]], ...] = (
        (survey.survey_table_2, ("r", "ci_low", "ci_high")),
        (survey.survey_table_3, ("b", "std_error", "t", "p_value")),
        (survey.self_report_agreement, ("kappa", "mean_difference")),
    )
    for build, names in cases:
        frame = _table(build, u2plus, panel)
        for _, row in frame[frame["function"] == "story"].iterrows():
            assert [row[c] == REDACTED for c in names] == [withheld] * len(names)


def test_people_behind_an_estimate_are_counted(u2plus: Inputs) -> None:
    """9 people use a function, 7 of them differently from wave to wave."""
    panel = u2plus.panel.assign(pdd_total=np.arange(960.0) % 7)
    person = np.arange(960) // 4
    steady = np.where(person < 9, 2.0, 0.0)
    changing = np.where(person < 7, np.arange(960) % 4, steady)
    panel = panel.assign(reaction_days_per_week=changing)
    estimates, study = u2plus.estimates, u2plus.folder.study
    people = people_behind(estimates, {study.own_window: panel}, study)
    rows = (estimates["outcome"] == "pdd_total") & (estimates["exposure"] == "reaction")
    counts = dict(zip(estimates["component"][rows], people[rows], strict=True))
    assert counts == {"within": 7, "between": 9}
    frame = replace(u2plus, panel=panel).released()["estimates_confirmatory"].frame
    rows = (frame["outcome"] == "pdd_total") & (frame["exposure"] == "reaction")
    shown = dict(
        zip(frame["component"][rows], frame["estimate"][rows] != REDACTED, strict=True)
    )
    assert shown == {"within": False, "between": True}


@pytest.mark.parametrize(("days", "used"), [(None, 9), (28, 5)])
def test_people_are_counted_in_the_window_of_the_specification(
    u2plus: Inputs, days: int | None, used: int
) -> None:
    """9 people used a function between waves, 5 of them in the last 28 days."""
    study, lookback = u2plus.folder.study, Window(kind="lookback", days=28)
    [planned] = study.plan.exploratory
    window = lookback if days else None
    changed = planned.model_copy(update={"window": window})
    plan = study.plan.model_copy(update={"exploratory": (changed,)})
    person, wave = np.arange(960) // 4, np.arange(960) % 4
    by_window = {
        one: u2plus.panel.assign(
            phq9_total=wave, story_count=np.where(person < users, wave, 0)
        )
        for one, users in ((study.exposure.window, 9), (lookback, 5))
    }
    row = panels.estimate(
        specification="one_by_one", outcome="phq9_total", exposure="story"
    )
    study = study.model_copy(update={"plan": plan})
    people = people_behind(pd.DataFrame([row]), by_window, study)
    assert people.tolist() == [used]


def test_kappa_by_hand() -> None:
    """Codes 0, 1, 2, 5 and 0, 2, 2, 3: observed 5 of the 39 that chance gives.

    Squared differences are 0, 1, 0, 4; over all 16 pairs they sum to 76, so that
    kappa is 1 - (5 / 4) / (156 / 16).
    """
    first, second = np.array([0.0, 1, 2, 5]), np.array([0.0, 2, 2, 3])
    pairs = sum((a - b) ** 2 for a in first for b in second)
    kappa = survey.weighted_kappa(first, second)
    assert kappa == pytest.approx(1 - (5 / 4) / (pairs / 16))


@pytest.mark.parametrize("codes", [[], [3.0, 3.0]])
def test_there_is_no_kappa_without_variation(codes: list[float]) -> None:
    """Of nobody, and of people who all give the same answer."""
    assert np.isnan(survey.weighted_kappa(np.array(codes), np.array(codes)))


def test_there_is_no_kappa_of_another_scale() -> None:
    """An item of 1 to 7 is not one of six frequencies; it is no error either."""
    assert np.isnan(survey.weighted_kappa(np.array([1.0, 7]), np.array([1.0, 5])))


def test_regression_by_hand() -> None:
    """y = 1, 2, 2, 4 on x = 0, 1, 2, 3: slope .9, error sqrt(.35/5) of it."""
    fit = survey.regression(np.arange(4.0)[:, None], np.array([1.0, 2, 2, 4])).iloc[0]
    assert (fit["b"], fit["coefficients"]) == (pytest.approx(0.9), 2)
    assert fit["std_error"] == pytest.approx(np.sqrt(0.35 / 5))
    assert fit["beta"] == pytest.approx(0.9 * np.sqrt(5 / 4.75))


def test_collinear_regressors_are_not_forced() -> None:
    """Without identification there is no regression rather than an arbitrary one."""
    x = np.column_stack([np.arange(9.0), 2 * np.arange(9.0)])
    assert survey.regression(x, np.arange(9.0)).empty


def test_only_confirmatory_estimates_are_judged(u2plus: Inputs) -> None:
    """Verdicts and corrected p stay with the plan, whatever comes in."""
    marked = u2plus.estimates.assign(verdict="associated", p_adjusted=0.01)
    tables = replace(u2plus, estimates=marked).released()
    frames = {name: table.frame for name, table in tables.items()}
    assert frames["estimates_confirmatory"]["verdict"].notna().all()
    for part in ("sensitivity", "exploratory"):
        assert frames[f"estimates_{part}"][["verdict", "p_adjusted"]].isna().all().all()


def test_estimates_keep_their_columns(built: dict[str, ReleasedTable]) -> None:
    """The released CSV has the columns of estimates.csv in their order, but one person's.

    Shares of rows at the ends are counts with their percentages there.
    """
    frame = built["estimates_confirmatory"].frame
    ends = {
        "floor_share": ["at_floor", "at_floor_percent"],
        "ceiling_share": ["at_ceiling", "at_ceiling_percent"],
        "largest_share": [],
        "sole_person": [],
    }
    public = [column for name in ESTIMATE_COLUMNS for column in ends.get(name, [name])]
    assert list(frame.columns) == public


def test_no_small_count_in_any_table(
    forum: Inputs, built: dict[str, ReleasedTable]
) -> None:
    """Over all tables of both studies no count from 1 to 7 is left."""
    counts = ("n", "eligible", "answered", "complete_outcomes", "any_use", "not_known")
    more = ("lost_since_previous", "exact", "n_obs", "n_participants", "outcome_n")
    for table in (*forum.released().values(), *built.values()):
        columns = {*counts, *more, *FREQUENCIES} & set(table.frame.columns)
        for name in columns:
            values = pd.to_numeric(table.frame[name], errors="coerce").dropna()
            assert not values.between(1, 7).any(), (table.name, name)


def test_captions_say_whose_survey_is_redone(built: dict[str, ReleasedTable]) -> None:
    """And that use was self-reported there and is measured here."""
    for number in (1, 2, 3):
        caption = built[f"survey_table_{number}"].caption
        assert "e21348" in caption
        assert "self-reported" in caption
        assert "measured" in caption


def test_outcomes_that_are_not_in_the_panel_are_left_out(u2plus: Inputs) -> None:
    """A missing instrument takes its rows along, not the table."""
    without = u2plus.panel.drop(columns=["phq9_total"])
    frame = _table(participants.outcomes_by_wave, u2plus, without)
    assert set(frame["outcome"]) == {"pdd_total", "ghsq_formal", "ghsq_informal"}


def _first(inputs: Inputs, people: int) -> pd.DataFrame:
    """The first so many rows of wave 1 that are answered in full."""
    panel = inputs.panel[inputs.panel["wave"] == 1].dropna()
    return panel.head(people).copy()


def _regression_p(t: float, n: int) -> float:
    return float(2 * stats.t.sf(abs(t), n - 6 - 1))


def _solved(of: Callable[[int], float], value: float) -> int:
    """The n around 55 and 57 at which `of` comes closest to a released value."""
    return min(range(50, 62), key=lambda n: abs(of(n) - value))


def _table(build: Builder, inputs: Inputs, panel: pd.DataFrame) -> pd.DataFrame:
    """A table of another panel, released."""
    data = replace(inputs, panel=panel).data
    [table] = release([build(data)], data.rule)
    return table.frame
