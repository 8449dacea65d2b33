"""What a statement names, by the engine's own parser: the lines of EXPLAIN AST."""

import re
from collections.abc import Iterator

_NODE = re.compile(
    r"(?P<depth> *)(?P<kind>TableIdentifier|Identifier|Function) (?P<name>.*?)"
    r"(?: \((?:alias|children) .*)?"
)
_IN = re.compile(r"(global)?(not)?(null)?in(ignoreset)?", re.IGNORECASE)
_ARGUMENT = 2
"""Levels from a function to its arguments."""


def named_relations(tree: str) -> set[str]:
    """Tables and views that a statement reads, without their database.

    Those of FROM, those with parameters, which look like functions, and those after IN;
    names of functions are among them.
    """
    return {name.rpartition(".")[2] for name in _names(tree)}


def _names(tree: str) -> Iterator[str]:
    functions: dict[int, str] = {}
    previous = -1
    for line in tree.splitlines():
        node = _NODE.fullmatch(line)
        depth = len(line) - len(line.lstrip())
        is_first = depth > previous
        previous = depth
        functions = {at: name for at, name in functions.items() if at < depth}
        if node is None:
            continue
        if node["kind"] == "Function":
            functions[depth] = node["name"]
        parent = functions.get(depth - _ARGUMENT, "")
        is_set = _IN.fullmatch(parent) and not is_first
        if node["kind"] != "Identifier" or is_set:
            yield node["name"]
