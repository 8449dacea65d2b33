"""The log of a service, up to the line that says why it ended."""

import json
import logging
from collections.abc import Iterator

import pytest

from panelstream.flows.services.service_log import logging_to_stderr
from panelstream.models.errors import Unreachable


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Handlers and levels of this process are those from before the test."""
    names = ("", "panelstream", "mode", "faust", "panelstream.ingest", "uvicorn.error")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_json_up_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """What ends a service is an object too, and sets the exit code of the error."""
    with pytest.raises(SystemExit) as ended, logging_to_stderr("json"):
        raise Unreachable("cannot use Kafka")
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["message"]) == ("error", "cannot use Kafka")
    assert ended.value.code == 5


def test_text_is_left_to_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints its one line, as any other does."""
    with pytest.raises(Unreachable), logging_to_stderr("text"):
        raise Unreachable("cannot use Kafka")
    assert not capsys.readouterr().err
