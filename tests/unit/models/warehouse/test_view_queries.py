"""A statement that has the query of a view in its place says what the view says."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from panelstream.flows import imports
from panelstream.flows.workspace import Workspace
from panelstream.models.events.clocks import Clocks
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.merges import Merges, MergeStatement, store_merges
from panelstream.models.warehouse.settling import settle
from panelstream.models.warehouse.statements import (
    read_statement,
    statement_names,
    with_clocks,
    with_merges,
    with_view_queries,
)
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import Answer

DAY = timedelta(days=1)
VIEWS = tuple(statement_names("as_of"))


@pytest.fixture
def study(workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    """Two people, of whom one has two ids; staff; answers by two roads.

    And a rejection, and two events under one id.
    """
    made = workspace()
    roster = tmp_path / "roster.csv"
    roster.write_text("platform_id,enrolled_on\naki,2027-01-01\nben,2027-01-02\n")
    imports.import_roster(made, roster)
    account = {"data": {"account": "staff"}}
    answers = {"instrument": "mood", "wave": 1, "answers": {"calm": "3"}}
    at = studies.START
    studies.send(
        made,
        [
            studies.event("enrolled", "aki", at),
            studies.event("enrolled", "ben", at),
            studies.event("enrolled", "dai", at, **account),
            studies.event("consent_given", "aki2", at),
            studies.event("response_submitted", "ben", at + DAY, data=answers),
            studies.event("unheard_of", "ben", at),
            studies.event("story_posted", "ben", at, id="one"),
        ],
    )
    studies.send(made, [studies.event("story_posted", "ben", at + DAY, id="one")])
    settle(made.store)
    studies.answer(made, [Answer("aki", 1, at), Answer("aki2", 1, at + DAY)])
    studies.decline(made, "ben", at, 1, "telemetry")
    alias, person = map(made.pseudonyms.participant_id, ("aki2", "aki"))
    merged = Merges().with_statement(MergeStatement(alias, person, origin="test"))
    store_merges(made.store, Merges(), merged)
    return made


def rows(store: Store, sql: str) -> list[dict[str, Any]]:
    """What a statement gives as of now, in any order."""
    text = with_merges(with_clocks(sql, Clocks())).replace(
        "{as_of:DateTime64(6)}", f"'{LATEST:%F %T}'"
    )
    table = store._client.query_arrow(text, use_strings=True)
    return sorted(table.to_pylist(), key=repr)


def test_rows_of_views(study: Workspace) -> None:
    """Every view has rows here, and its query has the same."""
    filled = set()
    for name in VIEWS:
        sql = f"select * from {name}_as_of(as_of = {{as_of:DateTime64(6)}})"  # noqa: S608 - our own names
        view = rows(study.store, sql)
        assert rows(study.store, with_view_queries(sql)) == view, name
        filled |= {name} if view else set()
    assert filled == {*VIEWS}


@pytest.mark.parametrize("name", statement_names("queries"))
def test_no_view_is_called(name: str) -> None:
    """All calls of views are replaced, those inside views too."""
    text = with_view_queries(read_statement(f"queries/{name}"))
    assert not [view for view in VIEWS if f"{view}_as_of(" in text]
