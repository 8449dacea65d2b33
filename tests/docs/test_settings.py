"""The declared settings: documented defaults are real, examples are valid."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from panelstream.models.settings.environment import (
    ENV_FILE_VARIABLES,
    SETTINGS,
    Settings,
)
from panelstream.models.settings.setting import read_env_file
from tests.docs import documents

EXAMPLE = documents.ROOT / "deploy/.env.example"
TEXT = documents.read("docs/reference/settings.md")


def documented_defaults() -> dict[str, str]:
    """The defaults of the page that can be set as they are, by variable."""
    rows = re.findall(r"^\| `(PANELSTREAM_\w+)` \| `([^`]+)` \|", TEXT, re.MULTILINE)
    return dict(rows)


def read(environ: dict[str, str]) -> Settings:
    """All settings, without where they were set."""
    settings = Settings.from_environ(environ, Path())
    return replace(
        settings,
        warehouse_setting="",
        kafka=replace(settings.kafka, where=""),
        collector=replace(settings.collector, through_kafka=False),
    )


@pytest.mark.parametrize("variable", documented_defaults())
def test_a_documented_default_is_the_real_one(variable: str) -> None:
    """Setting a variable to its documented default changes nothing."""
    assert read({variable: documented_defaults()[variable]}) == read({})


def test_examples_are_valid(tmp_path: Path) -> None:
    """Every line of the example can be uncommented as it is."""
    environ = {setting.variable: setting.example for setting in SETTINGS}
    settings = Settings.from_environ(environ, tmp_path)
    assert settings.warehouse_port == 8123


def test_the_example_works_as_it_is() -> None:
    """A copy of the example changes nothing until a line is uncommented."""
    assert read_env_file(EXAMPLE, ENV_FILE_VARIABLES) == {}
