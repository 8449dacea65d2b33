"""No statement may count an id as a person: ids that were merged are one person.

The engine resolves where each column of a statement comes from (`EXPLAIN QUERY TREE`).
An id of a raw table must be read through `person_as_of(...)`, `person_of_panel(...)` or
`person_now(...)`; here these macros become the function `identity`, which changes
nothing and stays visible in the tree.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from panelstream.flows.workspace import Workspace
from panelstream.models.events.clocks import Clocks
from panelstream.models.warehouse import views
from panelstream.models.warehouse.definitions import create_views
from panelstream.models.warehouse.statements import (
    read_statement,
    statement_names,
    with_clocks,
    with_relations,
)
from panelstream.models.warehouse.store import Store

RAW = frozenset(
    {
        "events",
        "event_conflicts",
        "dead_letters",
        "responses",
        "readings",
        "roster",
        "roster_statements_as_of",
        "similar_ids",
        "standing_sheets_as_of",
    }
)
"""Relations with ids as they came; all others have the ids under which people count."""
EXCEPTIONS: Mapping[str, str] = {
    "queries/ids_with_events": "says which of two ids has events before they are merged",
    "queries/known_people": "says whether an id that is to be merged is stored at all",
    "queries/roster": "a new roster is compared with what earlier ones said of each id",
    "queries/similar_ids": "a roster adds the ids that have none yet; persons are named too",
    "queries/standing_sheets": "a new reading is compared with the sheets of each id",
    "answers_as_of": "joins sheets with their rows, which are stored under the same id",
    "open_dead_letters_as_of": "an event settles the letter of the same id",
    "roster_statements_as_of": "a raw relation: the newest statement about each id",
    "standing_sheets_as_of": "a raw relation: its readers name the person",
}
"""By statement why it reads ids as they came."""
_MACRO = re.compile(r"\bperson_(?:as_of|of_panel|now)\(")
_PARAMETER = re.compile(r"\{\w+:([^}]+)\}")
_COMMENT = re.compile(r"\ncomment '(?:[^'\\]|''|\\.)*'\s*$")
_NODE = re.compile(r"(?P<indent> *)(?P<kind>[A-Z_]+(?: [A-Z]+)*)(?P<facts>.*)")
_FACT = re.compile(r"(\w+): ([^,]+)")


@dataclass(frozen=True)
class Node:
    """A line of the engine's tree, with the nodes above it, the nearest first."""

    kind: str
    facts: Mapping[str, str]
    above: tuple["Node", ...]

    @property
    def function(self) -> "Node | None":
        """The call of which the node is an argument, if it is one."""
        kinds = [node.kind for node in self.above[:3]]
        return self.above[2] if kinds == ["LIST", "ARGUMENTS", "FUNCTION"] else None


def nodes(tree: str) -> Iterator[Node]:
    """The lines of a tree; what is indented less is above."""
    path: list[tuple[int, Node]] = []
    for line in tree.splitlines():
        match = _NODE.match(line)
        if match is None:
            continue
        indent = len(match["indent"])
        path = [(depth, node) for depth, node in path if depth < indent]
        above = tuple(node for _, node in reversed(path))
        node = Node(match["kind"], dict(_FACT.findall(match["facts"])), above)
        path.append((indent, node))
        yield node


def raw_ids(store: Store, sql: str) -> list[str]:
    """The raw tables of which a query reads an id that goes through no macro.

    That an event is nobody's may be asked of the id itself.
    """
    sql = with_clocks(sql, Clocks())
    text = _PARAMETER.sub(_literal, _MACRO.sub("identity(", _COMMENT.sub("", sql)))
    explained = store._client.query(f"EXPLAIN QUERY TREE passes=1 {text}")
    tree = list(nodes("\n".join(line for [line] in explained.result_rows)))
    tables = {
        node.facts["id"]: node.facts[name].split(".")[-1]
        for node in tree
        for name in ("table_name", "table_function_name")
        if name in node.facts
    }
    return [
        tables[node.facts["source_id"]]
        for node in tree
        if node.kind == "COLUMN"
        and node.facts["column_name"] == "participant_id"
        and tables.get(node.facts["source_id"]) in RAW
        and not _is_macro(node)
        and not _is_compared_with_nobody(node, tree)
    ]


def _literal(parameter: re.Match[str]) -> str:
    """Some value of the type of a parameter."""
    name = parameter[1]
    is_array, element = name.startswith("Array"), name.removeprefix("Array(")
    value = "'UTC'" if element.startswith("String") else "0"
    return f"cast({f'[{value}]' if is_array else value}, '{name}')"


def _is_macro(node: Node) -> bool:
    call = node.function
    return call is not None and call.facts["function_name"] == "identity"


def _is_compared_with_nobody(node: Node, tree: list[Node]) -> bool:
    """Whether the column is compared with a constant, of which there is but the empty id."""
    call = node.function
    return (
        call is not None
        and call.facts["function_name"] in ("equals", "notEquals")
        and not any(
            other.kind == "COLUMN" and call in other.above
            for other in tree
            if other is not node
        )
    )


def statements(workspace: Workspace) -> Mapping[str, str]:
    """Every query of the warehouse by the name of its file or view."""
    own = [f"queries/{name}" for name in statement_names("queries")]
    over_relations = [f"measures/{name}" for name in statement_names("measures")]
    over_relations.append("queries/taken_back")
    definitions = [read_statement(f"as_of/{name}") for name in statement_names("as_of")]
    definitions += views.view_statements(workspace.folder)
    return {
        **{name: read_statement(name) for name in own},
        **{name: with_relations(read_statement(name)) for name in over_relations},
        **dict(map(_definition, definitions)),
    }


def _definition(statement: str) -> tuple[str, str]:
    """Name and query of a view."""
    head, query = re.split(r"\bas\n", statement, maxsplit=1)
    name = re.search(r"create or replace view (\w+)", head)
    assert name
    return name[1], query


def test_ids_are_read_through_the_macros(workspace: Callable[..., Workspace]) -> None:
    """Only statements that are listed, each for a reason, read ids as they came."""
    study = workspace()
    create_views(study.store, views.view_statements(study.folder))
    found = {
        name: tables
        for name, sql in statements(study).items()
        if (tables := raw_ids(study.store, sql))
    }
    assert sorted(found) == sorted(EXCEPTIONS), found


def test_raw_ids_are_seen(store: Store) -> None:
    """In a list, a subquery, a condition and under another name; not in a macro."""
    assert raw_ids(store, "select participant_id from events") == ["events"]
    nested = "select p from (select participant_id as p from roster group by p)"
    assert set(raw_ids(store, nested)) == {"roster"}
    joined = (
        "select person_as_of(e.participant_id) as participant_id from events as e"
        " inner join roster on roster.participant_id = e.participant_id"
    )
    assert sorted(raw_ids(store, joined)) == ["events", "roster"]
    of_view = "select participant_id from standing_sheets_as_of(as_of = now64())"
    assert raw_ids(store, of_view) == ["standing_sheets_as_of"]
    through = (
        "select person_as_of(events.participant_id) as participant_id from events"
        " where events.participant_id != toFixedString('', 16)"
        " and participant_id in (select participant_id from exposure_windows)"
        " group by participant_id"
    )
    assert raw_ids(store, through) == []
