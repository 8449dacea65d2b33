"""Tables on the scores: right numbers, small ones withheld, limits that tell no n."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.panel import reliability
from panelstream.analysis.report.release import REDACTED, ReleasedTable, release
from panelstream.analysis.report.tables import Builder, measurement
from tests.lib import panels
from tests.lib.panels import Inputs


@pytest.fixture(scope="module")
def u2plus(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A study with all kinds of scores."""
    return panels.u2plus(tmp_path_factory.mktemp("u2plus"))


@pytest.fixture(scope="module")
def built(u2plus: Inputs) -> dict[str, ReleasedTable]:
    """Its tables by name."""
    return _built(u2plus)


NAMES = ("bands_by_wave", "reliability_by_wave", "careless_by_wave", "safety_by_wave")


def _built(inputs: Inputs) -> dict[str, ReleasedTable]:
    return {k: table for k, table in inputs.released().items() if k in NAMES}


def _table(build: Builder, inputs: Inputs, panel: pd.DataFrame) -> pd.DataFrame:
    """A table of another panel, released."""
    data = replace(inputs, panel=panel).data
    [table] = release([build(data)], data.rule)
    return table.frame


def _row(
    built: dict[str, ReleasedTable], name: str, score: str, wave: int
) -> pd.Series:
    frame = built[name].frame
    key = frame.columns[0]
    return frame[(frame[key] == score) & (frame["wave"] == wave)].iloc[0]


def test_every_table_is_there(built: dict[str, ReleasedTable]) -> None:
    """Under stable names, in the page's order."""
    assert tuple(built) == NAMES


def test_scores_without_bands_or_items_have_no_table(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A study of one delivered score that nothing is known of has none of them."""
    assert _built(panels.forum(tmp_path_factory.mktemp("forum"))) == {}


def test_bands_by_hand(u2plus: Inputs) -> None:
    """20 of 4, 4.5 and 4.9 each lie in 0 to 4, 15 of 5 in 5 to 9, 30 of 27 at the top."""
    totals = [*[4.0, 4.5, 4.9] * 20, *[5.0] * 15, *[27.0] * 30, np.nan]
    panel = pd.DataFrame({"round": 1, "wave": 1, "phq9_total": totals})
    frame = _table(measurement.bands_by_wave, u2plus, panel)
    assert frame["people"].tolist() == [60.0, 15.0, 0.0, 0.0, 30.0]
    assert frame["n"].tolist() == [105.0] * 5
    assert frame["people_percent"][4] == pytest.approx(100 * 30 / 105)
    assert frame["band"].tolist()[:2] == ["minimal", "mild"]


def test_a_small_band_takes_another_with_it(u2plus: Inputs) -> None:
    """Three severe ones are withheld, and the next smallest, or they could be had."""
    totals = [*[2.0] * 40, *[7.0] * 20, *[22.0] * 3]
    panel = pd.DataFrame({"round": 1, "wave": 1, "phq9_total": totals})
    frame = _table(measurement.bands_by_wave, u2plus, panel)
    assert frame["people"].tolist() == [40.0, REDACTED, 0.0, 0.0, REDACTED]
    assert frame["n"].tolist() == [40.0] * 5


def test_only_scores_of_several_items_have_a_row(
    built: dict[str, ReleasedTable],
) -> None:
    """Sources of the GHSQ stand each by itself: nothing hangs together there."""
    frame = built["reliability_by_wave"].frame
    assert set(frame["score"]) == {
        "phq9_total",
        "pdd_total",
        "ghsq_formal",
        "ghsq_informal",
    }


def test_the_weakest_item_is_named(built: dict[str, ReleasedTable]) -> None:
    """The last of the nine has .6 - 8/50."""
    row = _row(built, "reliability_by_wave", "phq9_total", 1)
    assert (row["lowest_item"], row["lowest_item_rest"]) == ("phq9_9", 0.44)


def test_limits_are_of_the_released_number(built: dict[str, ReleasedTable]) -> None:
    """181 complete responses are shown as 180, and the limits are those of 180."""
    row = _row(built, "reliability_by_wave", "phq9_total", 1)
    assert row["n"] == 180
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(
        reliability.alpha_limits(0.82, 180, 9), abs=1e-4
    )


def test_ends_are_counts_out_of_a_whole(built: dict[str, ReleasedTable]) -> None:
    """12 at the lowest score of 181 are 10 of 180; 2 at the highest are withheld."""
    row = _row(built, "reliability_by_wave", "phq9_total", 1)
    assert (row["floor"], row["ceiling"]) == (10.0, REDACTED)
    assert row["floor_percent"] == pytest.approx(100 * 10 / 180)


def test_retest_is_of_the_wave_before(
    u2plus: Inputs, built: dict[str, ReleasedTable]
) -> None:
    """None in the first wave; then the panel's own, with limits of the released n."""
    assert pd.isna(_row(built, "reliability_by_wave", "pdd_total", 1)["retest"])
    row = _row(built, "reliability_by_wave", "pdd_total", 3)
    wide = u2plus.panel.pivot(
        index="participant_id", columns="wave", values="pdd_total"
    )
    both = wide[[2, 3]].dropna().to_numpy()
    result = reliability.retest(both[:, 0], both[:, 1])
    assert row["retest"] == pytest.approx(result.value, rel=1e-3)
    assert abs(row["n_retest"] - len(both)) <= 2.5
    limits = row["retest_ci_low"], row["retest_ci_high"]
    assert limits == pytest.approx(result.limits(row["n_retest"]), rel=1e-3)


@pytest.mark.parametrize("n", [3, 7])
def test_few_people_are_withheld(u2plus: Inputs, n: int) -> None:
    """Alpha, omega and the weakest item, its name too, of 1 to 7 responses."""
    few = u2plus.reliability.assign(n=n)
    row = _row(
        _built(replace(u2plus, reliability=few)), "reliability_by_wave", "pdd_total", 2
    )
    hidden = (
        "n",
        "alpha",
        "ci_low",
        "ci_high",
        "omega",
        "lowest_item_rest",
        "lowest_item",
    )
    assert [row[name] for name in hidden] == [REDACTED] * len(hidden)


def test_signs_are_counted_of_those_who_could_show_them(
    u2plus: Inputs, built: dict[str, ReleasedTable]
) -> None:
    """One answer in nine is a straight line; the few contradictions are withheld."""
    first = u2plus.panel[u2plus.panel["wave"] == 1]["pdd_total_straightlined"].dropna()
    row = _row(built, "careless_by_wave", "pdd_total_straightlined", 1)
    assert row["people"] == 5 * np.floor(first.sum() / 5 + 0.5)
    assert row["n"] == 5 * np.floor(len(first) / 5 + 0.5)
    row = _row(built, "careless_by_wave", "pdd_total_inconsistent", 1)
    assert (row["people"], row["people_percent"]) == (REDACTED, REDACTED)


def test_item_nine_is_counted(built: dict[str, ReleasedTable]) -> None:
    """In each wave, of those who answered it, in multiples of five."""
    frame = built["safety_by_wave"].frame
    assert frame["score"].unique().tolist() == ["phq9_thoughts"]
    assert frame["wave"].tolist() == [1, 2, 3, 4]
    assert all(count % 5 == 0 and count >= 10 for count in frame["people"])


@pytest.mark.parametrize("yes", [4, 46])
def test_few_who_thought_of_death_are_not_told(u2plus: Inputs, yes: int) -> None:
    """4 of 50 are withheld, and so are 46 of 50, who leave 4 that did not."""
    flag = pd.array([1] * yes + [0] * (50 - yes) + [None], dtype="Int8")
    panel = pd.DataFrame({"round": 1, "wave": 1, "phq9_thoughts": flag})
    frame = _table(measurement.safety_by_wave, u2plus, panel)
    assert frame[["people", "people_percent"]].to_numpy().tolist() == [[REDACTED] * 2]
    assert frame["n"].tolist() == [50.0]


def _fitted_models(n: int) -> pd.DataFrame:
    """A configural model and a metric one, and one that has no numbers."""
    labels = {"score": "pdd_total", "round": 1, "n": n}
    note = f"not estimable: {n} people are too few for 411 parameters"
    return pd.DataFrame(
        [
            {**labels, "model": "configural", "chi_square": 30.0, "df": 20}
            | {"cfi": 0.9812345, "conclusion": "good fit"},
            {**labels, "model": "metric", "chi_square": 45.123456, "df": 25}
            | {"cfi": 0.96, "cfi_change": -0.0212345, "conclusion": "not supported"},
            {**labels, "score": "phq9_total", "model": "configural", "note": note},
        ]
    )


def test_invariance_is_released_with_rounded_people(u2plus: Inputs) -> None:
    """RMSEA is that of 235 people, not of 233: sqrt(10 / (20 * 235)); p is of 4 digits."""
    data = replace(u2plus.data, invariance=_fitted_models(233))
    [table] = release([measurement.invariance_over_waves(data)], data.rule)
    first, second, last = (row for _, row in table.frame.iterrows())
    assert first["n"] == 235
    assert first["rmsea"] == pytest.approx(0.0461266, rel=1e-3)
    assert (second["chi_square"], second["cfi_change"]) == (45.12, -0.02123)
    # pchisq(45.12, 25, lower.tail = FALSE) in R
    assert second["p_value"] == pytest.approx(0.008103024, rel=1e-4)
    assert last["note"].startswith("not estimable: 235 people are too few")


def test_invariance_of_few_people_is_withheld(u2plus: Inputs) -> None:
    """No number and no conclusion of seven people leaves."""
    data = replace(u2plus.data, invariance=_fitted_models(7))
    [table] = release([measurement.invariance_over_waves(data)], data.rule)
    row = table.frame.iloc[0]
    hidden = ("chi_square", "df", "p_value", "cfi", "rmsea", "conclusion", "n")
    assert [row[name] for name in hidden] == [REDACTED] * len(hidden)


def test_agreement_over_all_waves_is_withheld_with_one_wave(u2plus: Inputs) -> None:
    """Three people use a function in wave 4: neither that wave nor the sum is told.

    Another function's rows leave, each with its interval.
    """
    panel = u2plus.panel.copy()
    last = panel["wave"] == 4
    users = panel.loc[last & panel["story_self_report"].notna()].index[:3]
    panel.loc[last, "story_frequency"] = 0
    panel.loc[users, "story_frequency"] = 2
    frame = replace(u2plus, panel=panel).released()["self_report_by_wave"].frame
    frame = frame.set_index("function")
    story, column = frame.loc["story"], frame.loc["column"]
    assert [value == REDACTED for value in story["kappa"]] == [False] * 3 + [True] * 2
    assert [value == REDACTED for value in story["slope_ci_low"]][3:] == [True, True]
    assert column["wave"].isna().tolist() == [False] * 4 + [True]
    assert (column["kappa_ci_low"] < column["kappa"]).all()
