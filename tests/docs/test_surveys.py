"""Survey exports and their mapping: commands run as shown, keys and formats are the code's."""

from pathlib import Path

import pytest

from panelstream.ingest.surveys import mapping as mappings
from panelstream.ingest.surveys.read_export import FORMATS
from panelstream.models.config_file import Frozen
from panelstream.models.instruments.instrument import find_instrument
from tests.docs import documents, shapes, shells
from tests.docs.test_tutorial import printed, shown

PAGE = "docs/how-to/surveys.md"
TEXT = documents.read(PAGE)
MAPPING = "docs/reference/mapping.md"
SHAPES: dict[str, type[Frozen]] = {
    "The mapping of an export": mappings.SurveyMapping,
    "Labels": mappings.Labels,
    "Missing codes": mappings.MissingCodes,
    "Checkboxes": mappings.Checkboxes,
    "Consent by an item": mappings.ConsentItem,
}


@pytest.mark.parametrize("heading", SHAPES)
def test_every_key_is_documented(heading: str) -> None:
    """The keys, and which of them are required, are those of the shape."""
    assert shapes.documented_keys(MAPPING, heading) == shapes.keys(SHAPES[heading])


def test_every_format_is_named() -> None:
    """The page lists each format that a mapping may name, and no other."""
    assert documents.documented(TEXT, "Survey exports") == list(FORMATS)


def test_mapping_loads(tmp_path: Path) -> None:
    """The mapping on the page is one."""
    [block, *_] = documents.blocks(documents.read(MAPPING), "yaml")
    path = tmp_path / "mapping.yaml"
    path.write_text(block.text, encoding="utf-8")
    known = [find_instrument(name, tmp_path).value for name in ("phq9", "pdd")]
    assert mappings.read_mapping(path, known).coding == {"pdd": "1-6"}


def test_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    """A stranger who types the page in order sees the same lines."""
    steps = list(shown(PAGE))
    outputs = shells.run([script for script, _ in steps], tmp_path)
    missing = [
        f"{line!r} not in:\n{output}"
        for (_, lines), output in zip(steps, outputs, strict=True)
        for line in lines
        if not printed(line, output)
    ]
    assert not missing, "\n".join(missing)
