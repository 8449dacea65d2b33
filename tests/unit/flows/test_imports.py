"""Folders of event files, some of which are damaged."""

import gzip
import json
import os
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
    first, second = str(told.value).splitlines()
    assert "b.ndjson.gz: the compressed file is damaged" in first
    assert "d.ndjson.gz: the compressed file is damaged" in second


def test_names_that_cannot_be_read_stop_no_other(
    workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    """A link to nothing, a folder called like a file, a name that is no text.

    Each has one line; a name with a line end is written on one line.
    """
    (tmp_path / "a.ndjson").symlink_to(tmp_path / "nothing")
    (tmp_path / "b.ndjson").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.ndjson")).touch()
    event = studies.event("signed_in", "ann", studies.START, id="c")
    (tmp_path / "c\nd.ndjson").write_text(json.dumps(event) + "\n{")
    sources = files.find_event_files([str(tmp_path)])
    imported = imports.import_events(workspace(), sources)
    assert (imported.counts.accepted, imported.counts.rejected) == (1, 1)
    [rejection] = imported.counts.rejections
    assert rejection.position.origin == "c\\nd.ndjson"
    with pytest.raises(FileError) as told:
        imported.raise_damaged()
    missing, folder, unnamed = str(told.value).splitlines()
    assert "a.ndjson: cannot be read: No such file or directory" in missing
    assert "b.ndjson: cannot be read: Is a directory" in folder
    assert "\\udcff.ndjson: its name is not UTF-8; rename it" in unnamed


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
