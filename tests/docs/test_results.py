"""docs/reference/results.md says what the results folder of a real run holds."""

import json
import re
from pathlib import Path

import pandas as pd

from panelstream.analysis.estimation.clustered import STD_ERROR_TYPES
from panelstream.analysis.estimation.estimates import ESTIMATE_COLUMNS, TEST_COLUMNS
from panelstream.analysis.estimation.invariance import INVARIANCE_COLUMNS
from panelstream.analysis.estimation.sample import SPECIFICATION_COLUMNS
from panelstream.analysis.estimation.specification_curve import (
    CURVE_COLUMNS,
    CURVE_TEST_COLUMNS,
)
from panelstream.analysis.panel.agreement import AGREEMENT_COLUMNS
from panelstream.analysis.panel.reliability import RELIABILITY_COLUMNS
from panelstream.analysis.report.disclosure import REDACTED
from panelstream.analysis.verdicts.verdicts import VERDICTS
from panelstream.models.study.estimators import ESTIMATOR_RULES
from panelstream.models.study.study import Disclosure
from tests.docs import documents

TEXT = documents.read("docs/reference/results.md")
STUDY_FILE = documents.read("docs/reference/study-file.md")
ESTIMATION = documents.read("docs/explanation/estimation.md")


def test_columns_are_documented_in_order() -> None:
    """The files are described column by column."""
    assert documents.documented(TEXT, "estimates.csv") == list(ESTIMATE_COLUMNS)
    assert documents.documented(TEXT, "tests.csv") == list(TEST_COLUMNS)
    specifications = documents.documented(TEXT, "specifications.csv")
    assert specifications == list(SPECIFICATION_COLUMNS)
    assert documents.documented(TEXT, "reliability.csv") == list(RELIABILITY_COLUMNS)
    assert documents.documented(TEXT, "invariance.csv") == list(INVARIANCE_COLUMNS)
    assert documents.documented(TEXT, "agreement.csv") == list(AGREEMENT_COLUMNS)
    for name in STD_ERROR_TYPES.values():
        assert f"`{name}`" in documents.section(TEXT, "estimates.csv")


def test_columns_of_specification_curves_are_documented() -> None:
    """Each by its own name, or as a column of the estimates."""
    for heading, names in (
        ("specification_curve.csv", CURVE_COLUMNS),
        ("specification_curve_tests.csv", CURVE_TEST_COLUMNS),
    ):
        section = documents.section(TEXT, heading)
        documented = {
            name
            for row in re.findall(r"^\| (`.+?`) \| ", section, re.MULTILINE)
            for name in re.findall(r"`(\w+)`", row)
        }
        assert documented <= set(names)
        assert set(names) - documented <= set(ESTIMATE_COLUMNS)


def test_every_estimator_is_documented() -> None:
    """The estimators that a plan may name, in the table of estimators and in the row of the key."""
    estimators = list(ESTIMATOR_RULES)
    documented = documents.documented(ESTIMATION, "Estimators and standard errors")
    assert sorted(documented) == sorted(estimators)
    section = documents.section(STUDY_FILE, "A specification")
    [row] = re.findall(r"^\| `estimator` \|.*", section, re.MULTILINE)
    assert sorted(set(re.findall(r"`(\w+)`", row)) - {"estimator"}) == sorted(
        estimators
    )


def test_verdicts_are_those_of_the_code() -> None:
    """The table of verdicts has all of them, the firmest first."""
    section = documents.section(ESTIMATION, "Verdicts")
    rows = re.findall(r"^\| ([a-z][^|]+) \| [^|]+ \|$", section, re.MULTILINE)
    assert rows[1:] == list(VERDICTS)


def test_every_file_is_documented(finished: Path) -> None:
    """Each file of a results folder fits a row of the page, and each row a file."""
    results = finished / "results"
    files = {
        path.relative_to(results).as_posix()
        for path in results.rglob("*")
        if path.is_file()
    }
    names = documents.documented(TEXT, "The folder")
    shapes = [re.compile(re.sub("<\\w+>", "\\\\w+", name)) for name in names]
    assert all(any(shape.fullmatch(file) for shape in shapes) for file in files)
    assert all(any(shape.fullmatch(file) for file in files) for shape in shapes)


def test_every_public_table_is_documented(finished: Path) -> None:
    """The tables of the demo are the documented ones."""
    files = (finished / "results/public/tables").glob("*.csv")
    assert sorted(documents.documented(TEXT, "Tables")) == sorted(f.stem for f in files)


def test_every_test_is_documented(finished: Path) -> None:
    """Those of the demo, and of the estimators that it does not use; no others."""
    result = set(pd.read_csv(finished / "results/private/tests.csv")["test"])
    documented = set(documents.documented(TEXT, "Tests"))
    assert result <= documented
    files = (documents.ROOT / "analysis").rglob("*.py")
    code = "".join(file.read_text(encoding="utf-8") for file in files)
    stems = {name: name.rstrip("12") for name in documented}
    assert [name for name, stem in stems.items() if f'"{stem}' not in code] == []


def test_every_statistic_of_reliability_is_documented(finished: Path) -> None:
    """The statistics of the demo are the documented ones."""
    result = pd.read_csv(finished / "results/private/reliability.csv")["statistic"]
    documented = documents.documented(TEXT, "Statistics of reliability")
    assert set(documented) == set(result)


def test_every_key_of_the_manifest_is_documented(finished: Path) -> None:
    """Whoever compares two manifests finds each key explained."""
    path = finished / "results/private/manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    documented = documents.documented(TEXT, "Making the same results again")
    assert set(documented) == manifest.keys()


def test_disclosure_numbers_are_the_defaults() -> None:
    """The page speaks of 1 to 7, of 8 people and of multiples of 5."""
    section = documents.section(TEXT, "Disclosure control")
    rule = Disclosure()
    assert f"from 1 to {rule.suppress_below - 1} are withheld" in section
    assert f"rounded to {rule.round_to};" in section
    assert REDACTED in section
