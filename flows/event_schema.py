"""For a platform's engineers: what may be sent, and what of a file would be rejected."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from panelstream.ingest.events import files
from panelstream.ingest.events.files import Source
from panelstream.ingest.events.pipeline import Decoded
from panelstream.models.errors import FileError, join_file_errors
from panelstream.models.events import schema
from panelstream.models.events.event import Counts
from panelstream.models.settings.environment import Settings
from panelstream.models.study.load import load_study
from panelstream.models.timestamps import utc_now


def write_schema(settings: Settings, out: Path) -> Sequence[Path]:
    """Write the JSON Schema of every event, together and each alone, and AsyncAPI."""
    catalogue = load_study(settings.study).catalogue
    documents: dict[str, Any] = {
        "events.schema.json": schema.catalogue_schema(catalogue),
        "asyncapi.json": schema.asyncapi_document(catalogue, settings.kafka.topic),
        **{
            f"{name}.json": {
                "$schema": schema.DIALECT,
                **schema.event_schema(catalogue, name),
            }
            for name in catalogue.types
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        (out / name).write_text(text, encoding="utf-8")
    return [out / name for name in documents]


def check_events(
    settings: Settings,
    sources: Sequence[Source],
    progress: Callable[[Source, int], None] = lambda *_: None,
) -> Iterator[Counts]:
    """What an ingest would take of event files, part by part with all its rejections.

    Stores nothing and needs no key. Nobody is refused, as only the warehouse knows who
    withdrew. Raises `FileError` for the files that are damaged, after all are read.
    """
    catalogue, damaged = load_study(settings.study).catalogue, list[FileError]()
    now = utc_now()
    for source in sources:
        try:
            for decoded in files.check_file(
                source, catalogue, now, partial(progress, source)
            ):
                yield _counts(decoded)
        except FileError as error:
            damaged.append(error)
    if damaged:
        raise join_file_errors(damaged)


def _counts(decoded: Decoded) -> Counts:
    rejections = decoded.rejections
    return Counts(
        accepted=decoded.events.num_rows,
        rejected=len(rejections),
        reasons=dict(Counter(rejection.reason for rejection in rejections)),
        rejections=tuple(rejections),
    )
