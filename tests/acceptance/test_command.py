"""What a person at the command line sees: good input, bad input, the same again."""

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from panelstream.flows import folder_import
from tests.lib import warm
from tests.lib.command import panelstream, succeed
from tests.lib.shared import copy_simulated_study

ROOT = Path(__file__).parents[2]
CANARY = "canary7f3a"
EVENT = {
    "specversion": "1.0",
    "id": "good-1",
    "source": "u2plus.web",
    "type": "u2plus.signed_in",
    "time": "2024-02-01T09:30:00Z",
    "subject": f"{CANARY}-person",
}
BAD = {
    "not_json": f"{{ {CANARY}",
    "not_cloudevent": json.dumps({**EVENT, "id": None, "ext": CANARY}),
    "missing_subject": json.dumps({**EVENT, "subject": ["x", CANARY]}),
    "unknown_type": json.dumps({**EVENT, "type": f"u2plus.{CANARY}"}),
    "unsupported_version": json.dumps({**EVENT, "schemaversion": CANARY}),
    "invalid_data": json.dumps({**EVENT, "data": {CANARY: CANARY}}),
    "time_unparsable": json.dumps({**EVENT, "time": CANARY}),
    "time_in_future": json.dumps({**EVENT, "time": "2999-01-01T00:00:00Z"}),
    "too_large": json.dumps({**EVENT, "ext": CANARY * 10_000}),
}


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated study's files."""
    folder = tmp_path_factory.mktemp("received") / "study"
    return copy_simulated_study(tmp_path_factory, folder)


@pytest.fixture
def study(received: Path, tmp_path: Path) -> Path:
    """A copy of it that nothing has been imported into."""
    return shutil.copytree(received, tmp_path / "study")


def import_all(study: Path, fresh: bool = False) -> None:
    """All that lies in the study's folder, by one process that does nothing else."""
    code = (
        "import sys; from pathlib import Path; from panelstream.flows import folder_import, workspace\n"
        "from panelstream.flows.commands.app import read_settings\n"
        "with workspace.open_workspace(read_settings(Path(sys.argv[1]))) as opened:\n"
        "    folder_import.import_folder(opened)"
    )
    process = warm.run(["-c", code, study], os.environ, ROOT, fresh=fresh)
    assert process.returncode == 0, process.stderr


def panel_bytes(study: Path, fresh: bool = False) -> bytes:
    """The panel as CSV."""
    succeed("panel", "--out", study / "panel.csv", "--study", study, fresh=fresh)
    return (study / "panel.csv").read_bytes()


def test_panel_for_another_program_with_its_codebook(study: Path) -> None:
    """A Stata file, and a row of the codebook for each of its columns."""
    words = ("--out", study / "new" / "panel.dta", "--codebook", study / "book.csv")
    succeed("roster", study / "roster.csv", "--study", study)
    assert "panel.dta: 120 rows" in succeed("panel", *words, "--study", study).out
    book = pd.read_csv(study / "book.csv")
    read = pd.read_stata(study / "new" / "panel.dta", convert_categoricals=False)
    assert list(read) == book["stata_name"].tolist()
    assert len(read) == 120


def test_order_splitting_and_repetition_change_no_byte(
    study: Path, received: Path, tmp_path: Path
) -> None:
    """Shuffled, split in two, gzipped and sent twice: the same panel."""
    import_all(study, fresh=True)
    other = shutil.copytree(received, tmp_path / "other")
    lines = gzip.decompress(next((other / "events").iterdir()).read_bytes()).split(
        b"\n"
    )
    lines = [line for line in lines if line]
    random.Random(5).shuffle(lines)
    half = len(lines) // 2
    shutil.rmtree(other / "events")
    (other / "events").mkdir()
    whole = gzip.compress(b"\n".join(lines[half:]) + b"\n")
    for name, content in {
        "b.ndjson": b"\n".join(lines[:half]),
        "a.ndjson.gz": whole,
        "c_sent_again.ndjson.gz": whole,
    }.items():
        (other / "events" / name).write_bytes(content)
    import_all(other)
    import_all(other)
    assert panel_bytes(other) == panel_bytes(study, fresh=True)


def test_every_kind_of_bad_line_is_counted_shown_and_forgotten(
    study: Path, tmp_path: Path
) -> None:
    """Counts add up, places and reasons are shown, planted values appear nowhere."""
    lines = [
        json.dumps(EVENT),
        *BAD.values(),
        "",
        json.dumps({**EVENT, "id": "good-2"}),
    ]
    (tmp_path / "mixed.ndjson").write_text("\n".join(lines))
    ran = succeed("ingest", tmp_path / "mixed.ndjson", "--study", study)
    assert "received 11 = accepted 2 + rejected 9 + refused 0" in ran.out
    for number, reason in enumerate(BAD, start=2):
        assert f"mixed.ndjson:{number}  {reason}" in ran.out
    letters = succeed(
        "query",
        "SELECT * FROM dead_letters FINAL",
        "--operator",
        "--study",
        study,
        "--json",
    )
    assert sorted(row["reason"] for row in json.loads(letters.out)) == sorted(BAD)
    everything = succeed(
        "query",
        "SELECT * FROM operator_events",
        "--operator",
        "--study",
        study,
        "--json",
    )
    assert CANARY not in ran.shown + letters.out + everything.out
    for file in (study / "warehouse").rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes()


def test_counts_add_up_with_duplicates_and_conflicts(
    study: Path, tmp_path: Path
) -> None:
    """Sent again: duplicate. Other content under the same identity: conflicting."""
    again = [EVENT, EVENT, {**EVENT, "time": "2024-02-02T00:00:00Z"}]
    (tmp_path / "e.ndjson").write_text("\n".join(json.dumps(entry) for entry in again))
    for _ in range(2):
        ran = succeed("ingest", tmp_path / "e.ndjson", "--study", study)
    assert "accepted 6 = stored 1 + duplicate 4 + conflicting 1" in ran.out


def test_standard_input_and_strict(study: Path) -> None:
    """Events from a pipe; with --strict a rejection sets exit code 4."""
    text = json.dumps(EVENT).encode()
    assert "accepted 1" in succeed("ingest", "-", "--study", study, stdin=text).out
    assert (
        panelstream("ingest", "-", "--strict", "--study", study, stdin=b"{").code == 4
    )


def test_answers_for_programs_are_json(study: Path) -> None:
    """`--json` of ingest and responses parses and says what the text says."""
    ran = succeed("ingest", study / "events", "--study", study, "--json")
    counts = json.loads(ran.out)
    assert counts["arrived"]["received"] == counts["arrived"]["accepted"] > 1000
    wave1 = study / "responses" / "wave1.csv"
    words = ("responses", wave1, "--wave", 1, "--dry-run", "--study", study, "--json")
    said = json.loads(succeed(*words).out)
    assert said["stored"] is False
    assert said["responses"] > 20


def test_strict_import_of_answers_stores_nothing(study: Path, tmp_path: Path) -> None:
    """One cell out of range: set apart as a blank, or with --strict exit code 4 and no row."""
    path = tmp_path / "form.csv"
    path.write_text(
        "platform_id,submitted_at,phq9_1,phq9_2\nu1,2024-01-09,0,3\nu1,2024-01-10,1,9\n"
    )
    words = ("responses", path, "--wave", 1, "--study", study)
    ran = panelstream(*words, "--strict")
    assert (ran.code, ran.out) == (4, "")
    assert "1 cells or rows would be set apart" in ran.err
    count = (
        "query",
        "SELECT count() AS n FROM responses",
        "--operator",
        "--study",
        study,
        "--json",
    )
    assert json.loads(succeed(*count).out) == [{"n": 0}]
    assert "set apart: row 3, phq9_2: out of range" in succeed(*words).out
    assert json.loads(succeed(*count).out) == [{"n": 4}]


def test_exports_of_a_folder_are_known_by_wave_and_ending(tmp_path: Path) -> None:
    """Whatever a survey tool saves is imported; notes and mappings are not."""
    (tmp_path / "responses").mkdir()
    names = ("wave2.csv", "form_Wave 1.XLSX", "wave3.sav", "wave3.txt", "mapping.yaml")
    for name in names:
        (tmp_path / "responses" / name).touch()
    files = folder_import.wave_files(tmp_path)
    result = [(file.path.name, file.wave) for file in files]
    assert result == [("form_Wave 1.XLSX", 1), ("wave2.csv", 2), ("wave3.sav", 3)]
    assert list(folder_import.passed_over(tmp_path, files)) == ["responses/wave3.txt"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("ingest", "nowhere.ndjson"), 3, "nowhere.ndjson: no such file"),
        (("responses", "responses/wave1.csv", "--wave", "9"), 2, "no wave 9"),
        (("roster", "wrong.csv"), 3, "wrong.csv:row 3, enrolled_on: not a day"),
        (("responses", "retract", "nothing"), 2, "no import nothing"),
        (("due", "--wave", "9", "--ids", "roster.csv"), 2, "no wave 9"),
        (("due", "--wave", "1", "--ids", "ids.csv"), 3, "no column 'platform_id'"),
        (("query", "DROP TABLE events"), 2, "readonly"),
        (("query", "SELECT nonsense FROM study_events"), 2, "nonsense"),
        (("query", "SELECT id FROM operator_events"), 2, "say --operator"),
        (("panel", "--out", "p.csv", "--as-of", "yesterday"), 2, "--as-of"),
        (("panel", "--out", "p.xls"), 2, "in .parquet or .csv or .dta or .sav"),
        (("panel", "--out", "p.sav", "--codebook", "p.txt"), 2, "the name in .csv"),
        (("report", "nowhere"), 3, "panelstream analyse --out"),
        (("flows", "run", "nothing"), 2, "known: study"),
        (("ingest",), 2, "Missing argument"),
    ],
)
def test_mistake_gets_one_line_and_its_exit_code(
    study: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    """What is wrong and what to do; never a traceback, never what stands there."""
    wrong = f"platform_id,enrolled_on\nu-1,2024-01-05\n{CANARY},{CANARY}\n"
    (study / "wrong.csv").write_text(wrong)
    (study / "ids.csv").write_text(f"member\n{CANARY}\n")
    ran = panelstream(*words, cwd=study)
    assert CANARY not in ran.shown
    assert ran.code == code
    assert message in ran.err
    assert "Traceback" not in ran.shown


def test_a_new_study_is_analysed(tmp_path: Path) -> None:
    """Nobody enrolled and nothing answered: a report that says so, and exit code 6."""
    succeed("init", tmp_path / "new")
    ran = panelstream("analyse", "--study", tmp_path / "new", "--out", tmp_path / "r")
    assert ran.code == 6
    assert "not fitted: no rows to analyse" in ran.out
    assert (tmp_path / "r" / "public" / "report.html").exists()


def test_mistake_in_the_study_file_has_its_line(study: Path) -> None:
    """The line and the nearest right word."""
    path = study / "study.yaml"
    text = path.read_text().replace("outcomes:", "outcome:", 1)
    path.write_text(text)
    line = text.split("outcome:")[0].count("\n") + 1
    ran = panelstream("check", cwd=study)
    assert ran.code == 3
    assert (
        f"study.yaml:{line}: unknown key 'outcome'; did you mean 'outcomes'?" in ran.err
    )


OUTAGE = """
outages:
  - {from: "2024-03-02T00:00Z", to: "2024-03-03T00:00Z", functions: [cycle]}
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("opens_on: 2024-04-08", "opens_on: 2024-01-28", "opens before wave 1 closes"),
        ("timezone: Asia/Tokyo", "timezone: Asia/Tokio", "is not a time zone; write"),
        ("functions: [sign_in", "functions: [signin", "did you mean 'sign_in'?"),
        ("window: between_waves", "window: after_answers", "write between_waves"),
        ("2024-03-03T00", "2024-03-01T00", "the outage ends before it begins"),
        ("functions: [cycle]", "functions: [cycles]", "did you mean 'cycle'?"),
    ],
)
def test_a_study_that_cannot_be_measured(
    study: Path, old: str, new: str, says: str
) -> None:
    """File, line and remedy, before anything is opened, computed or written."""
    path = study / "study.yaml"
    good = path.read_text() + OUTAGE
    assert good.count(old) == 1
    path.write_text(good.replace(old, new))
    ran = panelstream("panel", "--out", "panel.csv", cwd=study)
    line = good.split(old)[0].count("\n") + 1
    assert ran.code == 3
    assert f"study.yaml:{line}: " in ran.err
    assert says in ran.err
    assert not (study / "panel.csv").exists()
    assert not (study / "warehouse").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("name", ["panel.csv", "panel.parquet"])
def test_a_full_disk(study: Path, name: str) -> None:
    """One line and exit code 3; the warehouse is as before."""
    (study / name).symlink_to("/dev/full")
    ran = panelstream("panel", "--out", name, cwd=study)
    assert ran.code == 3, ran.err
    assert "No space left on device; name another place, or make room there" in ran.err
    (study / name).unlink()
    assert panelstream("panel", "--out", name, cwd=study).code == 0


def test_warehouse_held_by_another_process_is_said(study: Path) -> None:
    """Exit code 5, naming the place, the setting and the remedy."""
    ran = panelstream(
        "query", "SELECT 1", cwd=study, PANELSTREAM_WAREHOUSE="http://127.0.0.1:1"
    )
    assert ran.code == 5
    assert "PANELSTREAM_WAREHOUSE" in ran.err
    assert "Traceback" not in ran.shown


def test_as_of_the_past_stays(study: Path, tmp_path: Path) -> None:
    """What is learnt later changes later panels only."""
    import_all(study)
    succeed("panel", "--out", study / "now.csv", "--study", study)
    said = succeed(
        "query",
        "SELECT max(recorded_at) AS at FROM responses",
        "--operator",
        "--study",
        study,
        "--json",
    )
    at = json.loads(said.out)[0]["at"].replace(" ", "T")
    late = {**EVENT, "subject": "user-000001", "time": "2024-02-20T00:00:00Z"}
    (tmp_path / "late.ndjson").write_text(json.dumps(late))
    succeed("ingest", tmp_path / "late.ndjson", "--study", study)
    succeed("panel", "--out", study / "then.csv", "--as-of", at, "--study", study)
    assert (study / "then.csv").read_bytes() == (study / "now.csv").read_bytes()


def test_help_is_immediate_in_what_it_imports() -> None:
    """Help imports none of the heavy libraries, which is what makes it quick."""
    code = (
        "import sys, panelstream.flows.cli; heavy = {'pandas', 'pyarrow', 'prefect', 'chdb', "
        "'clickhouse_connect', 'matplotlib', 'statsmodels'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
