"""The real study of examples/lifesnaps against numbers computed apart, plainly."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from panelstream.ingest.pseudonymise import Pseudonyms, read_keys
from tests.lib.command import succeed

HERE = Path(__file__).parent / "lifesnaps"
EXAMPLE = Path(__file__).parents[2] / "examples" / "lifesnaps"
EXPECTED = json.loads((HERE / "expected.json").read_text())
PANELS = {"lookback7": "panel", "between": "panel_between_responses"}
PLANNED = {"lookback7": "week_before", "between": "since_last_answer"}
ESTIMATORS = {"person and wave": "fixed_effects", "none": "pooled"}
OUTCOMES = {
    "stai_stress": "stai_stress",
    "positive_affect_score": "panas_positive",
    "negative_affect_score": "panas_negative",
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, brought in and analysed by the Prefect flow."""
    folder = tmp_path_factory.mktemp("example") / "lifesnaps"
    shutil.copytree(EXAMPLE, folder)
    succeed("init", folder)
    succeed("flows", "run", "study", "--study", folder, "--out", folder / "results")
    return folder


@pytest.fixture(scope="module")
def people(study: Path) -> Callable[[str], str]:
    """Participant id by the id in the data."""
    pseudonyms = Pseudonyms(read_keys(study / "pseudonym.key"), "lifesnaps")
    return lambda person: pseudonyms.participant_id(person).hex()


@pytest.fixture(scope="module")
def panels(study: Path) -> dict[str, pd.DataFrame]:
    """Both panels by participant and wave."""
    return {
        window: pd.read_parquet(
            study / "results" / "private" / f"{name}.parquet"
        ).set_index(["participant_id", "wave"])
        for window, name in PANELS.items()
    }


def test_counts_and_active_days_are_equal(
    panels: dict[str, pd.DataFrame], people: Callable[[str], str]
) -> None:
    """Every count and every number of active days of every window and function."""
    columns = EXPECTED["panel"]["exposure_columns"][3:]
    names = [
        f"{name.removesuffix('/days')}_{'days' if '/' in name else 'count'}"
        for name in columns
    ]
    cells = 0
    for person, wave, window, *numbers in EXPECTED["panel"]["exposures"]:
        row = panels[window].loc[(people(person), wave)]
        assert row[names].tolist() == numbers
        cells += len(numbers)
    assert cells > 6_000


def test_scores_are_those_delivered(
    panels: dict[str, pd.DataFrame], people: Callable[[str], str]
) -> None:
    """Every score of every response, and the same gaps."""
    for person, wave, *scores in EXPECTED["panel"]["scores"]:
        row = panels["lookback7"].loc[(people(person), wave)]
        result = [row[OUTCOMES[name]] for name in OUTCOMES]
        assert [None if pd.isna(entry) else entry for entry in result] == scores


def test_first_answers_have_no_window_between_answers(
    panels: dict[str, pd.DataFrame], people: Callable[[str], str]
) -> None:
    """Before a first answer there is no answer to count from, so nothing is known."""
    given = {
        (p, w)
        for p, w, window, *_ in EXPECTED["panel"]["exposures"]
        if window == "between"
    }
    first = [(p, w) for p, w, *_ in EXPECTED["panel"]["scores"] if (p, w) not in given]
    for person, wave in first:
        assert pd.isna(panels["between"].loc[(people(person), wave)]["day_worn_count"])


def test_coefficients_and_errors_are_equal(study: Path) -> None:
    """All 48 regressions: slope, clustered error, rows and persons, to 1e-9."""
    estimates = pd.read_csv(study / "results" / "private" / "estimates.csv")
    keys = ["specification", "outcome", "exposure"]
    result = estimates.set_index(keys)
    assert len(EXPECTED["panel"]["fits"]) == len(result) == 48
    for fit in EXPECTED["panel"]["fits"]:
        [exposure] = fit["exposures"]
        name = f"{PLANNED[fit['windows']]}_{ESTIMATORS[fit['effects']]}"
        row = result.xs((name, OUTCOMES[fit["outcome"]], exposure))
        slope = fit[f"log1p_{exposure}"]
        assert row["estimate"] == pytest.approx(slope["b"], rel=1e-9, abs=1e-9)
        assert row["std_error"] == pytest.approx(slope["cr2"], rel=1e-9)
        assert (row["n_obs"], row["n_participants"]) == (fit["n"], fit["persons"])


def test_warehouse_holds_every_event_once(study: Path) -> None:
    """The log has the events and people that the plain count has, by type."""
    asked = succeed(
        "query",
        "SELECT event_type, count() AS events, uniqExact(participant_id) AS people "
        "FROM operator_events GROUP BY event_type ORDER BY event_type",
        "--operator",
        "--study",
        study,
        "--json",
    )
    result = json.loads(asked.out)
    expected = [
        {
            "event_type": f"lifesnaps.{name}",
            "events": count,
            "people": EXPECTED["events"]["persons_by_type"][name],
        }
        for name, count in EXPECTED["events"]["distinct_by_type"].items()
    ]
    assert result == expected
