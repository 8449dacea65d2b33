"""The Prefect flow on Prefect's own harness."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.lib.command import panelstream, succeed

SCRIPT = """
import json, sys
from prefect.testing.utilities import prefect_test_harness
with prefect_test_harness(server_startup_timeout=600):
    from prefect.client.orchestration import get_client
    from flows.study import study_flow
    report, _ = study_flow(study=sys.argv[1], out=sys.argv[2])
    with get_client(sync_client=True) as client:
        def ask(what):
            return client.request("POST", f"/{what}/filter", json={"limit": 50}).json()
        tasks, links = ask("task_runs"), ask("artifacts")
print(json.dumps({
    "report": str(report),
    "tasks": sorted((one["name"].split("-")[0], one["state_name"]) for one in tasks),
    "links": [one["data"] for one in links],
}))
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A small simulated study's folder, with one planned outcome."""
    folder = tmp_path_factory.mktemp("flow") / "study"
    succeed("simulate", "--out", folder, "--participants", 40, "--waves", 3)
    file = folder / "study.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    functions = {**content["plan"]["confirmatory"][0], "outcomes": ["pdd_total"]}
    content["plan"] = {"confirmatory": [functions], "sensitivity": ["lead"]}
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder


def test_flow_runs_its_four_tasks_and_links_the_report(study, tmp_path):
    """import, panel, analyse and report complete; an artifact links the report."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, study, tmp_path / "results"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        env={**os.environ, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
    )
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout.decode().splitlines()[-1])
    names = ["analyse", "import", "panel", "report"]
    assert said["tasks"] == [[name, "Completed"] for name in names]
    assert Path(said["report"]).exists()
    assert any("report.html" in link for link in said["links"])


def test_mistake_inside_the_flow_is_one_line(study, tmp_path):
    """A wrong header stops the flow at once: no retries, no traceback, exit code 3."""
    extra = study / "responses" / "wave3_extra.csv"
    extra.write_text("platform_id,submitted_at,unheard_of\n")
    ran = panelstream(
        "flows", "run", "study", "--study", study, "--out", tmp_path / "r"
    )
    extra.unlink()
    assert ran.code == 3
    assert "wave3_extra.csv:column 3: this header is not mapped" in ran.err
    assert "Traceback" not in ran.shown


def test_what_has_no_number_is_said_by_the_exit_code(study, tmp_path):
    """Three waves are too few for the leads: the report is there, and the code is 6."""
    out = tmp_path / "r"
    ran = panelstream("flows", "run", "study", "--study", study, "--out", out)
    assert ran.code == 6
    assert "functions.lead of" in ran.shown
    assert "planned coefficients have no number" in ran.err
    assert (out / "public" / "report.html").exists()
