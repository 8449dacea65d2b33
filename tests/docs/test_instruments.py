"""docs/reference/instruments.md: shipped instruments, keys and examples are those of the code."""

from pathlib import Path
from typing import get_args

import pytest

from panelstream.models.config_file import Frozen
from panelstream.models.instruments.instrument import (
    SHIPPED_INSTRUMENTS,
    Band,
    Instrument,
    Item,
    MissingRule,
    Scale,
    find_instrument,
)
from tests.docs import documents, shapes

PAGE = "docs/reference/instruments.md"
TEXT = documents.read(PAGE)
SHAPES: dict[str, type[Frozen]] = {
    "The instrument file": Instrument,
    "An item": Item,
    "A scale": Scale,
    "The missing rule": MissingRule,
    "A band": Band,
}
EXAMPLES = [block.text for block in documents.blocks(TEXT, "yaml")]


@pytest.mark.parametrize("heading", SHAPES)
def test_every_key_is_documented(heading: str) -> None:
    """The keys, and which of them are required, are those of the shape."""
    assert shapes.documented_keys(PAGE, heading) == shapes.keys(SHAPES[heading])


def test_every_method_is_documented() -> None:
    """The methods by which items become a score, in the order of the shape."""
    methods = get_args(Scale.model_fields["method"].annotation)
    assert documents.documented(TEXT, "The four methods") == list(methods)


def test_every_shipped_instrument_is_documented() -> None:
    """Each shipped instrument stands with exactly the scores that it yields."""
    rows = documents.section(TEXT, "Shipped instruments").splitlines()
    cells = [row.strip("| ").split(" | ") for row in rows if row.startswith("| `")]
    said = {name.strip("`"): scores for name, scores, _ in cells}
    assert said.keys() == {file.stem for file in SHIPPED_INSTRUMENTS.glob("*.yaml")}
    for name, scores in said.items():
        columns = find_instrument(name, Path()).value.score_columns
        assert scores == (", ".join(f"`{one}`" for one in columns) or "none")


def test_examples_load(tmp_path: Path) -> None:
    """The instruments that stand on the page are read."""
    for number, text in enumerate(EXAMPLES):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        assert find_instrument(path.name, tmp_path).value.score_columns
