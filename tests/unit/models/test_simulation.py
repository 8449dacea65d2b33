"""The simulated study: reproducible, of the right form, with a recoverable truth."""

import csv
import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from panelstream.ingest.surveys import mapping as mappings
from panelstream.ingest.surveys import mapping_draft, read_export
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.models.simulation import Simulation, simulate, simulate_panel, truth
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import STUDY_FILE, load_study
from panelstream.models.study.study import midnight
from panelstream.models.study.template import study_text

SMALL = Simulation(participants=60, waves=3, seed=7)
JOINT = ["reaction", "story", "cycle", "funcan", "column"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated study."""
    out = tmp_path_factory.mktemp("study")
    simulate(SMALL, out)
    return out


@pytest.fixture(scope="module")
def loaded(folder: Path) -> StudyFolder:
    """Its study file, with catalogue and instruments."""
    return load_study(folder)


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[str]:
    """The lines of its log."""
    with gzip.open(folder / "events" / "events.ndjson.gz", "rt") as file:
        return file.read().splitlines()


@pytest.fixture(scope="module")
def events(lines: list[str]) -> list[dict[str, Any]]:
    """The events of its log, each once, in order of arrival."""
    return [json.loads(line) for line in dict.fromkeys(lines)]


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV file's rows."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_same_plan_same_bytes(folder: Path, tmp_path: Path) -> None:
    """The same plan writes the same files, byte for byte."""
    simulate(SMALL, tmp_path)
    assert contents(tmp_path) == contents(folder)
    assert sorted(contents(folder)) == [
        "events/events.ndjson.gz",
        "forms/wave1.csv",
        "forms/wave2.csv",
        "forms/wave3.csv",
        "responses/wave1.csv",
        "responses/wave2.csv",
        "responses/wave3.csv",
        "roster.csv",
        "study.yaml",
        "truth.csv",
    ]


def test_another_seed_is_another_study(folder: Path, tmp_path: Path) -> None:
    """Another seed changes the people, but neither the study nor the truth."""
    simulate(Simulation(participants=60, waves=3, seed=8), tmp_path)
    first, second = contents(folder), contents(tmp_path)
    same = {name for name in first if first[name] == second[name]}
    assert same == {"study.yaml", "truth.csv"}


def test_progress_counts_the_lines(lines: list[str], tmp_path: Path) -> None:
    """Progress ends at the number of lines of the log."""
    told: list[tuple[int, int]] = []
    simulate(SMALL, tmp_path, lambda done, total: told.append((done, total)))
    assert told[-1] == (len(lines), len(lines))


@pytest.mark.parametrize(("participants", "waves"), [(0, 6), (350, 0)])
def test_nobody_or_never(participants: int, waves: int) -> None:
    """A study without people or waves is refused."""
    with pytest.raises(ValueError, match="at least one"):
        Simulation(participants, waves)


def test_smallest_study(tmp_path: Path) -> None:
    """One person and one wave make a study that loads."""
    simulate(Simulation(participants=1, waves=1), tmp_path)
    assert len(load_study(tmp_path).study.waves) == 1


def test_study_text_loads_with_any_name_and_start(tmp_path: Path) -> None:
    """The template's waves are 13 weeks apart, each open for 21 days."""
    text = study_text("mine", 8, date(2027, 1, 11))
    (tmp_path / STUDY_FILE).write_text(text, encoding="utf-8")
    one = load_study(tmp_path).study
    assert one.study == "mine"
    assert [wave.wave for wave in one.waves] == list(range(1, 9))
    assert one.waves[1].opens_on == date(2027, 4, 12)
    assert one.waves[1].closes_on == date(2027, 5, 2)


def test_events_are_in_the_catalogue(
    events: list[dict[str, Any]], loaded: StudyFolder
) -> None:
    """Every type, source and field is one that the catalogue takes."""
    catalogue = loaded.catalogue
    for event in events:
        kind = catalogue.types[event["type"]]
        assert event["specversion"] == "1.0"
        assert event["source"] in catalogue.accepted_sources
        assert kind.subject in ("subject" in event, "optional")
        assert datetime.fromisoformat(event["time"]).tzinfo == UTC
        assert set(event["data"]) <= set(kind.data)
        for name, rule in kind.data.items():
            assert rule.accepts(event["data"][name])


def test_ids_are_unique_and_in_order_of_time(events: list[dict[str, Any]]) -> None:
    """An id is 32 hexadecimal digits; sorting by id is sorting by time."""
    ids = [event["id"] for event in events]
    assert len(set(ids)) == len(ids)
    assert all(len(entry) == 32 and int(entry, 16) >= 0 for entry in ids)
    times = [event["time"] for event in sorted(events, key=lambda e: str(e["id"]))]
    assert times == sorted(times)


def test_some_lines_are_sent_twice_and_late(lines: list[str]) -> None:
    """Half a percent are exact copies, and the log is only nearly in order."""
    copies = Counter(lines)
    assert max(copies.values()) == 2
    assert len(lines) - len(copies) == round(0.005 * len(copies))
    times = [json.loads(line)["time"] for line in copies]
    disorder = np.mean([a > b for a, b in pairwise(times)])
    assert 0 < disorder < 0.05


def test_heartbeats_cover_the_study(
    events: list[dict[str, Any]], loaded: StudyFolder
) -> None:
    """All functions are covered without a gap from the first window to the end."""
    waves = loaded.study.waves
    assert waves[0].opens_on is not None
    assert waves[-1].closes_on is not None
    first = waves[0].opens_on - timedelta(days=91)
    spans = sorted(
        (event["data"]["from"], event["data"]["to"])
        for event in events
        if event["type"] == "study.heartbeat"
        and event["data"]["functions"] == list(loaded.study.exposure.functions)
    )
    bounds = [datetime.fromisoformat(spans[0][0]), datetime.fromisoformat(spans[-1][1])]
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert bounds[0] == midnight(first, loaded.study.zone)
    end = waves[-1].closes_on + timedelta(days=1)
    assert bounds[1] == midnight(end, loaded.study.zone)


def test_exposures_are_those_of_the_log(
    events: list[dict[str, Any]], folder: Path, loaded: StudyFolder
) -> None:
    """Counting local days of the log by hand gives the panel's active days."""
    zone, types = loaded.study.zone, loaded.catalogue.types
    days = {
        (
            event["subject"],
            types[event["type"]].function,
            datetime.fromisoformat(event["time"]).astimezone(zone).date(),
        )
        for event in events
        if types[event["type"]].function
    }
    people = [row["platform_id"] for row in rows(folder / "roster.csv")]
    panel = simulate_panel(SMALL)
    starts = [date(2023, 10, 9), date(2024, 1, 29), date(2024, 4, 29)]
    ends = [date(2024, 1, 8), date(2024, 4, 8), date(2024, 7, 8)]
    for function in loaded.study.exposure.functions:
        counted = [
            sum(
                (person, function, start + timedelta(days=day)) in days
                for day in range((end - start).days)
            )
            for person in people
            for start, end in zip(starts, ends, strict=True)
        ]
        assert panel[f"{function}_days"].tolist() == counted
        weeks = panel["wave"].map({1: 13, 2: 10, 3: 10})
        assert np.allclose(panel[f"{function}_days_per_week"] * weeks, counted)


def test_responses_are_accepted_and_in_time(folder: Path, loaded: StudyFolder) -> None:
    """Every answer is one its instrument takes, given while the wave was open."""
    owner = {
        code: instrument
        for instrument in loaded.instruments
        for code in instrument.codes
    }
    people = {row["platform_id"] for row in rows(folder / "roster.csv")}
    for wave in loaded.study.waves:
        answered = rows(folder / "responses" / f"wave{wave.wave}.csv")
        assert len({row["platform_id"] for row in answered}) == len(answered)
        for row in answered:
            assert row.pop("platform_id") in people
            at = datetime.fromisoformat(row.pop("submitted_at"))
            assert wave.opens_on is not None
            assert wave.closes_on is not None
            assert at.utcoffset() == timedelta(hours=9)
            assert wave.opens_on <= at.date() <= wave.closes_on
            for code, answer in row.items():
                assert not answer or owner[code].accepts(code, answer)


def test_forms_say_the_same_as_the_plain_files(
    folder: Path, loaded: StudyFolder, tmp_path: Path
) -> None:
    """Imported with the drafted mapping, completed by hand, they give the same rows."""
    items = read_export.items_by_column(loaded.instruments)
    known = (1, items, SurveyMapping(), loaded.study.zone)
    plain = read_export.read_survey_export(folder / "responses" / "wave1.csv", *known)
    form = folder / "forms" / "wave1.csv"
    text = mapping_draft.draft_mapping_text(form, items)
    assert "pdd: 1-6" in text
    assert "person: U2plusのユーザーID" in text
    (tmp_path / "mapping.yaml").write_text(f"{text}coding: {{pdd: 1-6}}\n", "utf-8")
    mapping = mappings.read_mapping(tmp_path / "mapping.yaml", loaded.instruments)
    read = read_export.read_survey_export(form, 1, items, mapping, loaded.study.zone)
    assert read.summary.dropped == ("メールアドレス",)
    assert [vars(row) | {"finished": None} for row in read.rows] == [
        vars(row) for row in plain.rows
    ]


def test_demographics_are_asked_once(folder: Path, loaded: StudyFolder) -> None:
    """The first wave asks everything; later ones not who someone is."""
    asked = [code for instrument in loaded.instruments for code in instrument.codes]
    header = ["platform_id", "submitted_at", *asked]
    first = rows(folder / "responses" / "wave1.csv")[0]
    second = rows(folder / "responses" / "wave2.csv")[0]
    assert list(first) == header
    assert list(second) == header[:-3]


def test_scores_are_those_of_the_panel(folder: Path) -> None:
    """Scoring a complete response by hand gives the panel's score."""
    people = [row["platform_id"] for row in rows(folder / "roster.csv")]
    panel = simulate_panel(SMALL).query("wave == 2").set_index(pd.Index(people))
    for row in rows(folder / "responses" / "wave2.csv"):
        formal = ("physician", "mental_health_professional", "online_counselling")
        sources = [row[f"ghsq_{source}"] for source in formal]
        pdd = [row[f"pdd_{item}"] for item in range(1, 13)]
        scored = panel.loc[row["platform_id"]]
        if all(sources):
            mean = sum(map(int, sources)) / 3
            assert scored["ghsq_formal"] == pytest.approx(mean)
        if all(pdd):
            turned = (0, 1, 2, 3, 7, 9)
            codes = [5 - int(x) if i in turned else int(x) for i, x in enumerate(pdd)]
            assert scored["pdd_total"] == sum(codes)


def test_roster_precedes_the_first_wave(folder: Path) -> None:
    """Everybody consents to both scopes before the study's first wave opens."""
    roster = rows(folder / "roster.csv")
    assert len(roster) == 60
    assert list(roster[0]) == [
        "platform_id",
        "enrolled_on",
        "consent_version",
        "consent_scopes",
        "consented_at",
        "group",
    ]
    for row in roster:
        assert row["consent_scopes"] == "survey;telemetry;retrospective"
        assert row["consented_at"].startswith(row["enrolled_on"])
        assert row["enrolled_on"] < "2024-01-08"


def test_panel_has_a_row_per_person_and_wave() -> None:
    """Exposures are known in every wave, scores where someone answered."""
    panel = simulate_panel(SMALL)
    assert panel[["participant_id", "wave"]].duplicated().sum() == 0
    assert len(panel) == 60 * 3
    assert panel.filter(like="_days").notna().all(axis=None)
    answered = panel["pdd_total"].notna()
    assert (panel["phq9_total"].notna() == answered).all()
    assert panel.loc[panel["wave"] == 1, "phq9_total_previous"].isna().all()


def test_scores_look_like_the_survey() -> None:
    """Means and spreads are near the survey's, and fewer answer as time goes by."""
    panel = simulate_panel(Simulation(participants=4000, seed=3))
    scores = panel[["phq9_total", "pdd_total", "ghsq_formal", "ghsq_informal"]]
    assert scores.mean().tolist() == pytest.approx([12.4, 35, 4.5, 3.7], rel=0.05)
    assert scores.std().tolist() == pytest.approx([7.0, 10.0, 1.3, 1.3], rel=0.08)
    response = panel["pdd_total"].notna().groupby(panel["wave"]).mean()
    assert response[1] == pytest.approx(0.86, abs=0.02)
    assert response.is_monotonic_decreasing
    assert response[6] > 0.6


def test_truth_is_written(folder: Path) -> None:
    """`truth.csv` has within and between effects of every function, some of them 0."""
    written = pd.read_csv(folder / "truth.csv")
    pd.testing.assert_frame_equal(written, truth())
    assert len(written) == 4 * 6 * 2
    within = written.query("component == 'within'")["estimate"]
    assert (within == 0).any()
    assert (within != 0).any()


def dummies(panel: pd.DataFrame) -> np.ndarray:
    """Wave effects."""
    return pd.get_dummies(panel["wave"]).to_numpy(dtype=float)


def estimated(x: np.ndarray, y: np.ndarray, people: np.ndarray) -> tuple[Any, Any]:
    """Least squares and its standard errors, clustered by person."""
    bread = np.linalg.pinv(x.T @ x)
    coefficients = bread @ x.T @ y
    scores = x * (y - x @ coefficients)[:, None]
    sums = np.stack([np.bincount(people, column) for column in scores.T], axis=1)
    return coefficients, np.sqrt(np.diag(bread @ sums.T @ sums @ bread))


@pytest.fixture(scope="module")
def large() -> pd.DataFrame:
    """A panel so large that the truth stands out."""
    return simulate_panel(Simulation(participants=5000, seed=11))


@pytest.mark.parametrize("functions", [JOINT, ["sign_in"]], ids=["joint", "sign_in"])
@pytest.mark.parametrize("outcome", sorted(set(truth()["outcome"])))
def test_truth_is_recovered(
    outcome: str, functions: list[str], large: pd.DataFrame
) -> None:
    """Within and between effects are estimated within four standard errors.

    Within: deviations from the person's mean over answered waves, and wave effects.
    Between: the person's mean use in all windows, the whole effect of use removed.
    """
    names = [f"{name}_days_per_week" for name in functions]
    planted = truth().query("outcome == @outcome").set_index(["component", "exposure"])
    within = planted.loc["within"]["estimate"][functions].to_numpy()
    between = planted.loc["between"]["estimate"][functions].to_numpy()
    usual = large.groupby("participant_id")[names].transform("mean").to_numpy()
    kept = large[outcome].notna().to_numpy()
    panel, usual = large[kept], usual[kept]
    people = pd.factorize(panel["participant_id"])[0]
    use, y, waves = panel[names].to_numpy(), panel[outcome].to_numpy(), dummies(panel)

    both = np.column_stack([use, waves, y])
    mean = pd.DataFrame(both).groupby(people).transform("mean").to_numpy()
    deviation = both - mean
    result, error = estimated(deviation[:, :-1], deviation[:, -1], people)
    assert np.all(abs(result[: len(names)] - within) < 4 * error[: len(names)])

    both = np.column_stack([use - usual, usual, waves])
    result, error = estimated(both, y, people)
    chosen = slice(len(names), 2 * len(names))
    assert np.all(abs(result[chosen] - between) < 4 * error[chosen])
