"""One Kafka for the session; a study and a topic of its own for each test."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lib import parts, streams, studies
from tests.lib.streams import Kafka, Stream

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker on a free port."""
    for program in ("java", "mvn"):
        parts.require(program)
    broker = Kafka(streams.free_port(), tmp_path_factory.mktemp("kafka"))
    broker.run("start")
    yield broker
    broker.run("stop")


@pytest.fixture
def stream(kafka: Kafka, tmp_path: Path) -> Callable[..., Stream]:
    """Make a study with its topics; `env`: settings without their prefix."""

    def make(env: dict[str, str] | None = None, **changes: Any) -> Stream:
        study = studies.write(tmp_path / "study", studies.with_base(**changes))
        topic = f"test{next(_NUMBERS)}.events"
        made = Stream(
            kafka, study, topic, streams.environment(kafka, study, topic, **(env or {}))
        )
        assert made.run("topics", "create").returncode == 0
        return made

    return make
