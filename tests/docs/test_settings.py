"""Every setting is documented, and the example of `.env` is taken."""

import re

from panelstream.models.settings.environment import NAMES, PREFIX, read_env
from tests.docs import documents

EXAMPLE = documents.ROOT / "deploy/.env.example"
SETTINGS = {f"{PREFIX}{name}" for name in NAMES}


def test_every_setting_is_documented() -> None:
    """The table of settings holds those that are read, and no others."""
    text = documents.read("docs/reference/settings.md")
    assert set(documents.documented(text, "Settings")) == SETTINGS


def test_the_example_shows_every_setting() -> None:
    """The lines to uncomment name each setting once."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert sorted(re.findall(rf"^# ({PREFIX}\w+)=", text, re.MULTILINE)) == sorted(
        SETTINGS
    )


def test_the_example_is_taken_as_it_stands() -> None:
    """A copy of the example changes nothing until a line is uncommented."""
    assert read_env(EXAMPLE) == {}
