"""The log of a service: lines on stderr, as text or as JSON, never with a value."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from panelstream.ingest.kafka import clients
from panelstream.models.errors import PanelstreamError
from panelstream.models.settings.log import LogFormat


@contextmanager
def logging_to_stderr(log_format: LogFormat) -> Iterator[None]:
    """Log what this service does; with JSON, what ends it is an object as well."""
    _log_to_stderr(log_format)
    try:
        yield
    except PanelstreamError as error:
        if log_format != "json":
            raise
        logging.getLogger("panelstream.service").error("%s", error)
        sys.exit(error.exit_code)


def _log_to_stderr(log_format: LogFormat) -> None:
    """Log what this service does, and of libraries only what they warn of."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMATTERS[log_format])
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("panelstream").setLevel(logging.INFO)
    # Faust logs under its own name, and under the module of a service. A crash ends the
    # command, which says so in one line; what Faust logs of it may quote an event.
    for name in ("mode", "faust", "panelstream.ingest"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # What a client or a broken connection does is not worth a line of log.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    clients.quieten()


class _WithoutValues(logging.Formatter):
    """Says of an exception only its type: its text may quote an event."""

    def formatException(self, ei: object) -> str:
        assert isinstance(ei, tuple)
        return str(ei[0].__name__)


class _Json(_WithoutValues):
    """An object a line; `fields` of a record are members of it."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


_FORMATTERS = {
    "text": _WithoutValues("%(asctime)s %(levelname)s %(name)s %(message)s"),
    "json": _Json(),
}
