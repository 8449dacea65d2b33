"""docs/reference/study-file.md names every key of study.yaml, and its examples load."""

from pathlib import Path

import pytest
import yaml

from panelstream.models.config_file import Frozen
from panelstream.models.events.clocks import ClockCorrection
from panelstream.models.instruments.instrument import SHIPPED_INSTRUMENTS
from panelstream.models.study import study
from panelstream.models.study.assumptions import AssumedOutcome, AssumedUse, Power
from panelstream.models.study.load import load_study
from panelstream.models.study.study import (
    Consent,
    Covariates,
    Disclosure,
    Exposure,
    Forks,
    Outage,
    PanelStudy,
    Plan,
    Planned,
    PlannedSpecification,
    Renewal,
    Schedule,
    SpecificationCurve,
    Study,
    Wave,
    Window,
)
from tests.docs import documents, shapes

PAGE = "docs/reference/study-file.md"
SHAPES: dict[str, type[Frozen]] = {
    "The study": Study,
    "Consent": Consent,
    "A renewal": Renewal,
    "Waves": Wave,
    "Exposure": Exposure,
    "Outages": Outage,
    "Clock corrections": ClockCorrection,
    "Covariates": Covariates,
    "The plan": Plan,
    "A specification": PlannedSpecification,
    "A specification curve": SpecificationCurve,
    "Forks": Forks,
    "The schedule": Schedule,
    "Disclosure": Disclosure,
    "Power": Power,
    "Assumed use": AssumedUse,
    "Assumed outcome": AssumedOutcome,
}
LEAST = """
study: example
title: Example
timezone: Asia/Tokyo
waves: [{wave: 1, opens_on: 2027-01-11, closes_on: 2027-01-31}]
instruments: [pdd, phq9, demographics]
exposure: {functions: [sign_in, story]}
outcomes: [pdd_total, phq9_total]
"""
EXAMPLES = [block.text for block in documents.blocks(documents.read(PAGE), "yaml")]


@pytest.mark.parametrize("heading", SHAPES)
def test_every_key_is_documented(heading: str) -> None:
    """The keys, and which of them are required, are those of the shape."""
    assert shapes.documented_keys(PAGE, heading) == shapes.keys(SHAPES[heading])


@pytest.mark.parametrize("heading", SHAPES)
def test_every_word_is_documented(heading: str) -> None:
    """The row of a key names each word that the key may hold: every estimator, say."""
    assert shapes.undocumented_words(PAGE, heading, SHAPES[heading]) == []


def test_every_shape_has_a_section() -> None:
    """None is left out; a window is one word, any-panel.md has that of a panel."""
    parts = {
        value
        for value in vars(study).values()
        if isinstance(value, type)
        and issubclass(value, Frozen)
        and value.__module__ == study.__name__
    }
    elsewhere = {Window, Planned, PanelStudy}
    of_other_modules = {ClockCorrection, Power, AssumedUse, AssumedOutcome}
    assert parts - elsewhere | of_other_modules == set(SHAPES.values())


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_load(example: str, tmp_path: Path) -> None:
    """Each example, put into the least study file, makes one that loads."""
    given = {**yaml.safe_load(LEAST), **yaml.safe_load(example)}
    text = yaml.safe_dump(given, allow_unicode=True)
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    own = tmp_path / "instruments"
    own.mkdir()
    phq9 = (SHIPPED_INSTRUMENTS / "phq9.yaml").read_text(encoding="utf-8")
    (own / "our_own.yaml").write_text(phq9.replace("phq9", "own"), encoding="utf-8")
    assert load_study(tmp_path).study.study == given["study"]
