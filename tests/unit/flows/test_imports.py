"""Folders of event files, some of which are damaged."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from panelstream.flows import folder_import, imports
from panelstream.flows.workspace import Workspace
from panelstream.ingest.events import files
from panelstream.models.errors import FileError
from tests.lib import studies


def test_a_damaged_file_stops_no_other(
    workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    """The files after it are read; every damaged one is named, with the remedy."""
    for name in ("a", "c"):
        event = studies.event("signed_in", "ann", studies.START, id=name)
        (tmp_path / f"{name}.ndjson").write_text(json.dumps(event))
    for name in ("b", "d"):
        (tmp_path / f"{name}.ndjson.gz").write_bytes(gzip.compress(b"{}")[:-9])
    imported = imports.import_events(
        workspace(), files.find_event_files([str(tmp_path)])
    )
    assert (imported.counts.accepted, imported.counts.rejected) == (2, 0)
    with pytest.raises(FileError) as told:
        imported.raise_damaged()
    assert "b.ndjson.gz: the compressed file is damaged" in str(told.value)
    assert "also damaged: d.ndjson.gz" in str(told.value)


def test_a_folder_with_a_damaged_file_is_imported(
    workspace: Callable[..., Workspace],
) -> None:
    """The import of a study folder goes on and shows the file."""
    study = workspace()
    events = study.folder.path / "events"
    events.mkdir(exist_ok=True)
    (events / "b.ndjson.gz").write_bytes(gzip.compress(b"{}")[:-9])
    event = studies.event("signed_in", "ann", studies.START, id="c")
    (events / "c.ndjson").write_text(json.dumps(event))
    result = folder_import.import_folder(study)
    assert result.events.counts.accepted == 1
    assert any(line.startswith("events/b.ndjson.gz:") for line in result.lines())
