"""The list of settings: its defaults are the real ones, its examples are valid."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from panelstream.models.settings.collector import CollectorSettings
from panelstream.models.settings.environment import (
    PREFIX,
    Settings,
    Values,
    read_env,
)
from panelstream.models.settings.kafka import KafkaSettings, WorkerSettings
from panelstream.models.settings.setting import SETTINGS
from tests.docs import documents

EXAMPLE = documents.ROOT / "deploy/.env.example"


def test_the_example_is_taken_as_it_stands() -> None:
    """A copy of the example changes nothing until a line is uncommented."""
    assert read_env(EXAMPLE) == {}


def read_all(environ: Mapping[str, str]) -> tuple[object, ...]:
    """Everything that is read from an environment, without where it was set."""
    values = Values(environ, {}, Path(".env"))
    return (
        replace(Settings.from_environ(environ), warehouse_setting=""),
        replace(KafkaSettings.from_values(values), where=""),
        WorkerSettings.from_values(values),
        replace(CollectorSettings.from_values(values, Path()), through_kafka=False),
    )


LITERAL = {s.name: s.default.strip("`") for s in SETTINGS if " " not in s.default}


@pytest.mark.parametrize("name", [name for name in LITERAL if LITERAL[name]])
def test_documented_defaults_are_the_real_ones(name: str) -> None:
    """Whoever sets a variable to its documented default changes nothing."""
    assert read_all({f"{PREFIX}{name}": LITERAL[name]}) == read_all({})


def test_examples_are_valid() -> None:
    """The line of each setting can be uncommented as it is."""
    examples = {f"{PREFIX}{setting.name}": setting.example for setting in SETTINGS}
    assert read_all(examples) != read_all({})
