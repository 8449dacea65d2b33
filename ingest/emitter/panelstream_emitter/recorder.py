"""An emitter for a platform's own tests: it keeps events and sends none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from panelstream_emitter import events
from panelstream_emitter.ids import Ids
from panelstream_emitter.schemas import Schemas


class Recorder:
    """`emit` as `Emitter` has it; what was emitted is in `events`, oldest first."""

    def __init__(
        self, *, source: str, schema: str | os.PathLike[str] | None = None
    ) -> None:
        """With `schema` every event is checked. Raises `Misconfigured`."""
        self.events: list[dict[str, Any]] = []
        self._source, self._ids = source, Ids()
        self._schemas = Schemas.read(Path(schema)) if schema is not None else None

    def emit(
        self,
        type: str,
        *,
        subject: str | int | None = None,
        data: Mapping[str, Any] | None = None,
        time: datetime | None = None,
        id: str | None = None,
    ) -> str:
        """Keep an event; its id. Raises `InvalidEvent`."""
        identity = id or self._ids.next()
        event = events.event(self._source, identity, type, subject, data, time)
        events.line(event)
        if self._schemas is not None:
            self._schemas.check(event)
        self.events.append(event)
        return identity
