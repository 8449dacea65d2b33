"""Kafka's fixtures, and one collector into a warehouse for a module."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kafka.conftest import kafka, stream
from tests.lib import collecting, studies
from tests.lib.collecting import Running

__all__ = ["kafka", "stream"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A collector of the base study that owns its embedded warehouse."""
    with collecting_into(tmp_path_factory.mktemp("collected")) as made:
        yield made


@pytest.fixture
def stoppable(tmp_path: Path) -> Iterator[Running]:
    """The same for one test, which may stop it."""
    with collecting_into(tmp_path) as made:
        yield made


@contextmanager
def collecting_into(folder: Path) -> Iterator[Running]:
    """A collector of the base study under `folder`."""
    study = studies.write(folder / "study", studies.BASE)
    env = collecting.environment(study)
    token = collecting.add_token(study, env)
    with collecting.collector(study, env, token) as made:
        yield made


@pytest.fixture
def study(running: Running) -> Path:
    """The study folder of that collector."""
    return running.log.parent / "study"
