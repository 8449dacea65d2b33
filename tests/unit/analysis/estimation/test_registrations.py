"""What every estimator must have beside its code: rules, reference, rows of the docs."""

import re
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import fit
from panelstream.analysis.estimation.estimators import ESTIMATORS
from panelstream.models.study.estimators import ESTIMATOR_RULES, PRESETS
from tests.docs import documents
from tests.lib.planted import Truth, plant, reply, specify
from tests.long.validity import CANDIDATES

REFERENCE = Path(__file__).parents[3] / "reference"
every_estimator = pytest.mark.parametrize(
    "name", sorted({*ESTIMATORS, *ESTIMATOR_RULES})
)


@every_estimator
def test_a_plan_may_name_what_is_registered(name: str) -> None:
    """Every registered estimator has rules for the plan, and all rules an estimator."""
    assert name in ESTIMATOR_RULES, "no EstimatorRules in models/study/estimators.py"
    assert name in ESTIMATORS, "not in analysis/estimation/estimators/__init__.py"


@every_estimator
def test_terms_have_the_registered_components(name: str) -> None:
    """On a panel that it can fit, each component has a number."""
    panel = plant(Truth(persons=80), 1)
    if ESTIMATORS[name].scale != "points":
        panel = reply(panel, "binary", 0.4, -0.3, 1)
    result = fit(specify(name, timing=ESTIMATOR_RULES[name].timing), panel)
    assert tuple(term.component for term in result.terms) == ESTIMATORS[name].components
    assert all(term.std_error > 0 for term in result.terms), result.note


@every_estimator
def test_another_program_gives_the_reference(name: str) -> None:
    """A script of another program, what it wrote, and a test that compares with it."""
    folder = REFERENCE / name
    scripts = [file for file in folder.glob("reference.*") if file.suffix != ".py"]
    assert scripts, f"no {folder}/reference.R, nor a script of another program"
    written = pd.read_csv(folder / "expected.csv")
    assert {"model", "term", "estimate", "std_error"} <= set(written.columns)
    assert len(written)
    comparison = (folder / f"test_{name}.py").read_text(encoding="utf-8")
    assert f'expected("{name}"' in comparison
    readme = (REFERENCE / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{name}` \|", readme, re.MULTILINE), "no row in README.md"


@every_estimator
def test_the_docs_have_its_rows(name: str) -> None:
    """What it is, under which name a plan has it, and whether it is a preset."""
    page = documents.read("docs/explanation/estimation.md")
    assert name in documents.documented(page, "Estimators and standard errors")
    page = documents.read("docs/reference/study-file.md")
    assert f"`{name}`" in _row(page, "A specification", "estimator")
    presets = re.findall(r"`(\w+)`", _row(page, "The plan", "sensitivity"))
    assert (name in presets) == (name in PRESETS)


@every_estimator
def test_its_coverage_is_measured(name: str) -> None:
    """A row of the validity table, by one of its components.

    The truth planted there is in points; what is on another scale is measured by a
    test of its own in `tests/long/`.
    """
    components = [
        value.component for value in CANDIDATES.values() if value.estimator == name
    ]
    if ESTIMATORS[name].scale == "points":
        assert components, "no row of CANDIDATES in tests/long/validity.py"
        assert set(components) <= set(ESTIMATORS[name].components)
        return
    files = (Path(__file__).parents[3] / "long").glob("test_*.py")
    tests = "".join(file.read_text(encoding="utf-8") for file in files)
    assert f'specify("{name}"' in tests, "no test of its coverage in tests/long/"


def test_every_preset_is_documented() -> None:
    """The sensitivity checks that a plan may name stand in the row of the key."""
    page = documents.read("docs/reference/study-file.md")
    row = _row(page, "The plan", "sensitivity")
    assert set(PRESETS) <= set(re.findall(r"`(\w+)`", row))


def _row(page: str, heading: str, key: str) -> str:
    section = documents.section(page, heading)
    [row] = re.findall(rf"^\| `{key}` \|.*", section, re.MULTILINE)
    return str(row)
