"""The plan through the command: locked, changed, analysed, and what the exit code says."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from panelstream.models.instruments import instrument
from tests.lib.command import panelstream, succeed


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study of two waves; `lead` cannot be asked of it."""
    folder = tmp_path_factory.mktemp("plan") / "study"
    succeed("simulate", "--out", folder, "--participants", 40, "--waves", 2)
    succeed("roster", folder / "roster.csv", "--study", folder)
    change(folder, sensitivity=["pooled"], exploratory=[])
    return folder


def change(study: Path, **plan: Any) -> None:
    """Give the study's plan other parts."""
    file = study / "study.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    confirmatory = content["plan"]["confirmatory"][-1:]
    content["plan"] = {"confirmatory": confirmatory, **plan}
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def shown(study: Path) -> dict[str, Any]:
    """What `plan show` says to a program."""
    plan: dict[str, Any] = json.loads(
        succeed("plan", "show", "--json", "--study", study).out
    )
    return plan


def manifest(study: Path) -> dict[str, Any]:
    """What the results depend on."""
    path = study / "results/private/manifest.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_a_plan_from_lock_to_deviation(study: Path) -> None:
    """Not locked: nothing is confirmatory. Locked: it is. Changed: told in the report."""
    words = ("analyse", "--out", study / "results", "--study", study)
    result = panelstream(*words)
    assert result.code == 6
    assert "plan not locked: nothing is confirmatory until" in result.out
    assert "planned coefficients have no number" in result.err
    assert "not fitted: no rows to analyse" in result.out
    assert manifest(study)["plan"]["locks"] == []

    assert "version 1, " in succeed("plan", "lock", "--study", study).out
    assert shown(study)["locked"]
    assert panelstream(*words).code == 6
    estimates = pd.read_csv(study / "results/private/estimates.csv")
    judged = estimates[estimates["verdict"].notna()]
    assert judged["confirmatory"].all()
    assert set(judged["verdict"]) == {"not estimated"}
    assert manifest(study)["plan"] == shown(study)

    change(study, sensitivity=["pooled", "lead"], exploratory=[])
    result = panelstream(*words)
    assert "  plan.sensitivity.lead: False → True" in result.out
    page = (study / "results/public/report.html").read_text(encoding="utf-8")
    assert "The plan is not as it was locked" in page
    assert "<code>plan.sensitivity.lead</code>: False → True" in page


def test_a_lock_after_the_answers_and_a_change_in_the_middle(tmp_path: Path) -> None:
    """Post hoc in every row and in the report; the past keeps its scoring and its report."""
    folder, results = tmp_path / "study", tmp_path / "results"
    succeed("simulate", "--out", folder, "--participants", 40, "--waves", 2)
    shipped = Path(instrument.__file__).parent / "shipped/ghsq.yaml"
    text = shipped.read_text(encoding="utf-8")
    (folder / "own.yaml").write_text(text, encoding="utf-8")
    study_file = (folder / "study.yaml").read_text(encoding="utf-8")
    study_file = study_file.replace("pdd, ghsq,", "pdd, own.yaml,")
    (folder / "study.yaml").write_text(study_file, encoding="utf-8")
    change(folder, sensitivity=[], exploratory=[])
    at = ("--study", folder)
    succeed("roster", folder / "roster.csv", *at)
    succeed("ingest", folder / "events/events.ndjson.gz", *at)
    for wave in (1, 2):
        succeed("responses", folder / f"responses/wave{wave}.csv", "--wave", wave, *at)
    assert " had been given" in succeed("plan", "lock", *at).out

    words = ("analyse", "--out", results, *at)
    result = panelstream(*words)
    assert "post hoc, as locked after the first answer: all that is" in result.out
    for name in ("estimates", "tests"):
        assert pd.read_csv(results / f"private/{name}.csv")["post_hoc"].all()
    page = (results / "public/report.html").read_text(encoding="utf-8")
    assert "Locked after the first answer to the outcome, and so post hoc:" in page
    before = json.loads((results / "private/manifest.json").read_text())

    (folder / "own.yaml").write_text(
        text.replace("allowed: 1", "allowed: 0", 1), encoding="utf-8"
    )
    study_file = (folder / "study.yaml").read_text(encoding="utf-8")
    (folder / "study.yaml").write_text(
        study_file.replace("2024-04-28", "2024-04-30"), encoding="utf-8"
    )
    changed = {entry["key"]: entry for entry in shown(folder)["changes"]}
    assert changed["waves.2"]["after"] == "2024-04-08 to 2024-04-30"
    formal = changed["instruments.ghsq.scales.formal"]
    assert formal["before"].endswith("; 1 may be missing")
    assert formal["after"].endswith("; 0 may be missing")
    succeed("report", results, *at)
    assert (results / "public/report.html").read_text(encoding="utf-8") == page
    version = before["study_version"]
    past = panelstream(*words, "--as-of", before["as_of"])
    assert f"study version {version} of " in past.out + past.err
    after = json.loads((results / "private/manifest.json").read_text())
    assert after["study_version"] == version
    assert after["data_hash"] == before["data_hash"]


def test_what_cannot_be_locked_or_given(study: Path) -> None:
    """One line and the exit code of its kind."""
    words = ("analyse", "--panel", "x.csv", "--out", "r", "--study", study)
    result = panelstream(*words, "--as-of", "2027-01-01T00:00:00Z")
    assert result.code == 2
    assert "--as-of applies to the warehouse" in result.err
    result = panelstream(*words)
    assert result.code == 3
    assert "unknown key" in result.err
