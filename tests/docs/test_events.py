"""docs/reference/events.md: reasons, catalogue keys and types are those of the code."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from panelstream.ingest.events.strict_decoder import (
    MAX_EVENT_BYTES,
    MAX_ID_LENGTH,
    Decoder,
)
from panelstream.models.config_file import Frozen
from panelstream.models.events import catalogue
from panelstream.models.events.catalogue import (
    Catalogue,
    EventType,
    EventView,
)
from panelstream.models.events.event import Event, Position, Reason
from panelstream.models.events.field_kinds import KINDS, FieldRule
from tests.docs import documents, shapes

PAGE = "docs/reference/events.md"
TEXT = documents.read(PAGE)
SHAPES: dict[str, type[Frozen]] = {
    "Catalogue": Catalogue,
    "A type": EventType,
    "A field": FieldRule,
    "A view": EventView,
}


@pytest.fixture(scope="module")
def u2plus() -> Catalogue:
    """The shipped catalogue with the study's own events."""
    return catalogue.find_catalogue("u2plus", Path())


@pytest.mark.parametrize("heading", SHAPES)
def test_every_key_of_a_catalogue_is_documented(heading: str) -> None:
    """The keys, and which of them are required, are those of the shape."""
    assert shapes.documented_keys(PAGE, heading) == shapes.keys(SHAPES[heading])


def test_every_reason_is_documented() -> None:
    """Whoever finds a reason among the dead letters can look it up."""
    documented = documents.documented(TEXT, "Why an event is rejected")
    assert documented == list(get_args(Reason))


def test_every_kind_of_field_is_documented() -> None:
    """The kinds are those that a catalogue may name."""
    assert documents.documented(TEXT, "Kinds of field") == list(KINDS)


def test_every_type_is_documented(u2plus: Catalogue) -> None:
    """Types stand with their function, those of the study apart."""
    rows = documents.section(TEXT, "U2plus").splitlines()
    cells = [row.strip("| ").split(" | ") for row in rows if row.startswith("| `")]
    said = {name.strip("`"): function for name, function in cells}
    study = documents.documented(TEXT, "Study events")
    there = {name: one.function or "–" for name, one in u2plus.types.items()}
    assert said == {n: f for n, f in there.items() if not n.startswith("study.")}
    assert study == [name for name in there if name.startswith("study.")]


def test_fields_of_study_events_are_documented(u2plus: Catalogue) -> None:
    """Each row of the study's events names all fields of its type."""
    for line in documents.section(TEXT, "Study events").splitlines():
        if line.startswith("| `"):
            name, fields, _ = line.strip("| ").split(" | ")
            for field in u2plus.types[name.strip("`")].data:
                assert f"`{field}`" in fields


def test_the_example_is_accepted(u2plus: Catalogue) -> None:
    """The event on the page passes, and an attribute table row explains each key."""
    [example] = documents.blocks(TEXT, "json")
    seen_at = datetime(2027, 2, 1, tzinfo=UTC)
    place = Position("page", 1)
    [event] = Decoder(u2plus, seen_at).decode(example.text.encode(), place)
    assert isinstance(event, Event)
    assert json.loads(example.text).keys() <= set(
        documents.documented(TEXT, "Attributes")
    )


def test_the_example_catalogue_loads(tmp_path: Path) -> None:
    """The catalogue on the page is one."""
    [example] = documents.blocks(TEXT, "yaml")
    (tmp_path / "own.yaml").write_text(example.text, encoding="utf-8")
    assert catalogue.find_catalogue("own.yaml", tmp_path).catalogue == "ourplatform"


def test_limits_are_those_of_the_decoder() -> None:
    """The sizes on the page are the ones that are enforced."""
    assert (MAX_EVENT_BYTES, MAX_ID_LENGTH) == (64 * 1024, 256)
    assert "larger than 64 KiB" in TEXT
    assert "at most 256 characters" in TEXT
