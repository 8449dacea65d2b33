"""Nobody's name, address or id of a survey export is left anywhere but in that file.

All golden exports go through the command. What may not be found again is read from
them by hand: every cell of a column that is dropped, ignored or says who somebody
is. It is looked for in what was printed and logged, in each byte of the study's
folder but for what was put there, and, since the engine compresses, in every row
of every table.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from panelstream.ingest.surveys.file_types import export_file
from tests.lib.command import succeed

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/responses"
CASES = sorted(path.parent for path in GOLDEN.rglob("expected.csv"))
KEPT = "instruments: [phq9, pdd, ghsq, ahsq, function_use, demographics]"

DRIVER = """
import sys
from pathlib import Path
from panelstream.flows.cli import app
from panelstream.flows.commands.app import read_settings
from panelstream.flows.workspace import open_workspace
from panelstream.models.errors import PanelstreamError
study, *exports = sys.argv[1:]
settings = read_settings(Path(study))
# An engine that is open is opened again in no time.
with open_workspace(settings):
    for export in exports:
        for words in (["map", export], [export, "--wave", "1", "--dry-run", "--json"],
                      [export, "--wave", "1"]):
            try:
                app(["responses", *words, "--study", study], standalone_mode=False)
            except PanelstreamError as error:
                print(error)
print("=== rows ===")
with open_workspace(settings) as opened:
    kept = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'View'"
    for name in opened.store.select(kept)["name"].to_pylist():
        print(name, opened.store.select(f"SELECT * FROM {name}").to_pylist())
"""
"""In one process, for speed: every command on every export, then every row."""


def export_of(case: Path) -> Path:
    """The export of a golden case."""
    [path] = case.glob("export.*")
    return path


def personal(case: Path) -> set[str]:
    """What of an export may be found nowhere: by the expectations, not by the code."""
    said = yaml.safe_load((case / "summary.yaml").read_text("utf-8"))
    mapping = case / "mapping.yaml"
    mapped = yaml.safe_load(mapping.read_text("utf-8")) if mapping.exists() else {}
    who = mapped.get("person", "platform_id")
    hidden = {*said.get("dropped", ()), *said.get("ignored", ()), who}
    table = export_file.read_export_file(export_of(case))
    labelled = [list(table.header), *table.records[:2]]
    places = {row.index(name) for row in labelled for name in hidden if name in row}
    cells = {r[i].strip() for r in table.records for i in places if r}
    known = {cell for row in labelled[: 3 * ("qualtrics" in str(case))] for cell in row}
    text = "\n".join(cell for row in table.records for cell in row)
    ids = re.findall(
        r"\S+@example\.org|user-\d|R_\w{13,}|\b(?:203|198)\.\d+\.\d+\.\d+", text
    )
    return {cell for cell in {*cells, *ids} - known if len(cell) > 3}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A study's folder after every import, all that was printed, and every row."""
    folder = tmp_path_factory.mktemp("canary")
    study, received = folder / "study", folder / "received"
    succeed("init", study)
    text = (study / "study.yaml").read_text("utf-8")
    (study / "study.yaml").write_text(re.sub("instruments: .*", KEPT, text), "utf-8")
    shutil.copytree(GOLDEN, received)
    for number, case in enumerate(CASES):
        # All are called export, and some have the same people and times.
        with (received / case.relative_to(GOLDEN) / "mapping.yaml").open(
            "a"
        ) as mapping:
            mapping.write(f"\nsource: case{number}\n")
    exports = [received / export_of(case).relative_to(GOLDEN) for case in CASES]
    process = subprocess.run(
        [sys.executable, "-c", DRIVER, study, *exports],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr.decode()[-2000:]
    printed, rows = process.stdout.decode().split("=== rows ===")
    return study, printed + process.stderr.decode(), rows


def test_every_export_was_stored(done: tuple[Path, str, str]) -> None:
    """The test is able to fail: the answers of all cases are there."""
    _, printed, rows = done
    stored = set(re.findall(r"^(\S+) \(\w+\): stored [1-9]", printed, re.MULTILINE))
    assert {export_of(case).name for case in CASES} <= stored
    assert printed.count(": stored ") == len(CASES)
    assert "phq9_1" in rows


@pytest.mark.parametrize("case", CASES, ids=lambda item: str(item.relative_to(GOLDEN)))
def test_what_names_somebody_is_nowhere(
    done: tuple[Path, str, str], case: Path
) -> None:
    """Neither printed, nor logged, nor in a row, nor in a byte."""
    study, printed, rows = done
    hidden = personal(case)
    assert hidden
    assert {one for one in hidden if one in printed} == set()
    assert {one for one in hidden if one in rows} == set()
    files = [path for path in study.rglob("*") if path.is_file()]
    content = b"\n".join(path.read_bytes() for path in files)
    assert {one for one in hidden if one.encode() in content} == set()
    assert {one for one in hidden if one.encode("utf-16-le") in content} == set()
