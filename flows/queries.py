"""Queries of analysts, who see the study's population, and of operators, who see all."""

import pyarrow as pa

from panelstream.chdb_server.syntax_tree import named_relations
from panelstream.models.errors import UsageError
from panelstream.models.warehouse.store import Store
from panelstream.models.warehouse.views import operator_relations


def select_rows(store: Store, sql: str, operator: bool = False) -> pa.Table:
    """The rows of a SELECT; only an `operator` reads tables and the views of operators.

    Raises `UsageError` with the engine's message if the statement is wrong, or would
    change something, and for what an analyst does not see.
    """
    if not operator:
        _refuse_hidden(store, sql)
    return store.select(sql)


def _refuse_hidden(store: Store, sql: str) -> None:
    names = named_relations(store.syntax_tree(sql))
    hidden = sorted(names & operator_relations())
    if hidden:
        raise UsageError(
            f"{', '.join(hidden)}: for operators, as it shows more than the people of the "
            "study who agreed; query study_events and the other views of analysts, or "
            "say --operator"
        )
