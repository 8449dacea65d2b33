"""What tests share: an empty warehouse, and a study that works on it.

One process can have one embedded engine open at a time, and opening one costs more
than most tests. So each test module that asks for `store` opens one engine, in
memory, and every test of it finds it migrated and empty. Code under test that
opens a warehouse by its DSN (a command, `open_workspace`) gets the same one with
`monkeypatch.setenv("PANELSTREAM_WAREHOUSE", warehouse)`; a module that does not ask
for `store` or `warehouse` may open another.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from panelstream.flows.workspace import Workspace
from panelstream.models.events.clocks import Clocks
from panelstream.models.warehouse import store as stores
from panelstream.models.warehouse import views
from panelstream.models.warehouse.definitions import apply_migrations, create_views
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import HandClock

ROOT = Path(__file__).parents[1]
# What tests start in processes of their own is this checkout, never an installed copy.
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "ingest/emitter")])

LONGEST = (
    "properties/test_replay.py",
    "faults/test_ledger.py",
    "acceptance/test_schedule.py",
)
LONG = (
    "acceptance/test_flow.py",
    "collector/test_durability.py",
    "acceptance/test_lifesnaps.py",
    "acceptance/test_command.py",
    "server/test_process.py",
    "kafka/test_demo.py",
    "kafka/test_emitter.py",
    "kafka/test_errors.py",
    "kafka/test_poison.py",
    "kafka/test_security.py",
    "kafka/test_worker.py",
    "acceptance/test_rebuild.py",
    "acceptance/test_plan.py",
    "docs/test_tutorial.py",
    "emitter/test_crashes.py",
    "unit/flows/test_rebuild.py",
    "spec/exposure/test_exposure.py",
    "properties/test_writers.py",
)
"""Files that take long. They begin first, or the last of them would be waited for."""


def pytest_configure(config: pytest.Config) -> None:
    """Files begin in the order of collection, not by their number of tests."""
    config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then the long ones; the order is as random otherwise."""
    items.sort(key=_haste)


def _haste(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return 2 - path.endswith((*LONGEST, *LONG)) - path.endswith(LONGEST)


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """The DSN of an engine that stays open for the tests of one module."""
    dsn = "chdb://memory"
    held = stores.open_store(dsn)
    apply_migrations(held)
    create_views(held, views.view_statements(studies.base_folder()))
    yield dsn
    held.close()


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands still until the test sets it."""
    return HandClock()


@pytest.fixture
def store(engine: str, clock: HandClock) -> Iterator[Store]:
    """A migrated warehouse without a row."""
    opened = stores.open_store(engine, clock)
    yield studies.empty(opened)
    studies.correct_clocks(opened, Clocks())
    opened.close()


@pytest.fixture
def warehouse(engine: str, store: Store) -> str:
    """The DSN of the same empty warehouse, for code that opens it by itself."""
    return engine


@pytest.fixture
def workspace(
    tmp_path: Path, store: Store, clock: HandClock
) -> Callable[..., Workspace]:
    """Make a workspace of the base study, some of its keys changed."""

    def make(**changes: Any) -> Workspace:
        folder = studies.write(tmp_path / "study", studies.with_base(**changes))
        return studies.open_in(folder, store, clock)

    return make
