"""Whether names say what a value is: `python -m tests.checks.names`, or `make names`.

Two shares are measured over the code that is shipped, and each has a bound:

- bound names that are a pronoun, a participle or a preposition (`found`, `one`,
  `before`). Such a word says how the author came by a value, not what it is;
- public top-level names that several modules define (a `read` in each importer). A
  search for such a name, or a stack trace with it, tells little.

A bound name is the target of an assignment, an argument, a variable of a loop or a
comprehension, a name after `as`, a capture in a pattern, a function or a class. A
leading underscore does not count.
"""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("models", "ingest", "analysis", "flows", "deploy/chdb_server", "panelstream")

PRONOUNS = """
    one other others who whom whose which what there here rest both each every
    few many more most less least whole own them theirs
"""
PARTICIPLES = """
    found known asked said given held kept told left made taken wanted built drawn
    moved read seen sent
"""
PREPOSITIONS = "around beside before after until since again apart back of"
VAGUE = frozenset(f"{PRONOUNS} {PARTICIPLES} {PREPOSITIONS}".split())
VERBS = frozenset({"read"})
"""Vague as the name of a value, right as the name of a function."""

VAGUE_BOUND = 0.01
SHARED_BOUND = 0.08


@dataclass(frozen=True)
class Binding:
    """A name where it is bound."""

    name: str
    path: Path
    line: int
    is_function: bool = False

    @property
    def word(self) -> str:
        """The name as the list of words spells it: `Found` and `_found` are `found`."""
        return self.name.strip("_").lower()

    @property
    def is_vague(self) -> bool:
        """Whether the name is a word of the list."""
        return self.word in VAGUE and not (self.is_function and self.word in VERBS)

    def __str__(self) -> str:
        """The place, as editors open it."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Share:
    """How many of all names break a rule, and how many may."""

    rule: str
    count: int
    total: int
    bound: float

    @property
    def is_met(self) -> bool:
        """Whether the share is within its bound."""
        return self.count <= self.bound * self.total

    def __str__(self) -> str:
        """One line of the summary."""
        share = self.count / self.total if self.total else 0
        return (
            f"{self.rule}: {self.count} of {self.total} ({share:.2%}, "
            f"at most {self.bound:.0%})"
        )


def source_files(root: Path) -> list[Path]:
    """The modules that are shipped, without those reached by a link."""
    return sorted(
        path
        for folder in FOLDERS
        for path in (root / folder).rglob("*.py")
        if path.resolve() == root.resolve() / path.relative_to(root)
    )


def bindings(tree: ast.AST, path: Path) -> Iterator[Binding]:
    """Every name that a module binds, with its line."""
    for node in ast.walk(tree):
        for name in _names(node):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield Binding(name, path, getattr(node, "lineno", 0), is_function)


def _names(node: ast.AST) -> list[str]:
    """The names that a node itself binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return [name]
        case ast.Attribute(attr=name, ctx=ast.Store(), value=ast.Name(id="self")):
            return [name]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.alias(asname=str(name)):
            return [name]
        case (
            ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
        ):
            return [name]
    return []


def public_names(tree: ast.Module, path: Path) -> Iterator[Binding]:
    """Functions, classes and constants at the top of a module that are not private."""
    for node in tree.body:
        match node:
            case ast.Assign():
                targets: Sequence[ast.expr] = node.targets
            case ast.AnnAssign():
                targets = [node.target]
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                targets = [ast.Name(node.name)]
            case _:
                targets = []
        for target in targets:
            if isinstance(target, ast.Name) and not target.id.startswith("_"):
                yield Binding(target.id, path, node.lineno)


def shared_names(definitions: Iterable[Binding]) -> dict[str, list[Binding]]:
    """The names that several modules define, the most frequent first.

    Each module is expected to give a name once.
    """
    by_name: defaultdict[str, list[Binding]] = defaultdict(list)
    for definition in definitions:
        by_name[definition.name].append(definition)
    shared = {name: places for name, places in by_name.items() if len(places) > 1}
    return dict(sorted(shared.items(), key=lambda item: (-len(item[1]), item[0])))


def measure(root: Path) -> tuple[list[Share], list[str]]:
    """Both shares of a checkout, and a line for each name that counts against them."""
    bound: list[Binding] = []
    public: list[Binding] = []
    for file in source_files(root):
        tree, path = ast.parse(file.read_text("utf-8")), file.relative_to(root)
        bound += bindings(tree, path)
        public += {
            definition.name: definition for definition in public_names(tree, path)
        }.values()
    vague = [binding for binding in bound if binding.is_vague]
    shared = shared_names(public)
    shares = [
        Share("vague names", len(vague), len(bound), VAGUE_BOUND),
        Share(
            "public names of several modules",
            sum(map(len, shared.values())),
            len(public),
            SHARED_BOUND,
        ),
    ]
    return shares, [*_vague_lines(vague), *_shared_lines(shared)]


def _vague_lines(vague: Sequence[Binding]) -> Iterator[str]:
    counts = Counter(binding.word for binding in vague)
    for word, count in counts.most_common():
        places = (str(binding) for binding in vague if binding.word == word)
        yield f"{word} ×{count}: {_shortened(places)}"


def _shared_lines(shared: dict[str, list[Binding]]) -> Iterator[str]:
    for name, places in shared.items():
        yield f"{name} in {len(places)} modules: {_shortened(map(str, places))}"


def _shortened(places: Iterable[str], limit: int = 5) -> str:
    """The first places of a name, and how many follow."""
    listed = list(places)
    further = len(listed) - limit
    return ", ".join(listed[:limit]) + (f" and {further} more" if further > 0 else "")


def main(root: Path = ROOT) -> int:
    """Print the shares; 1, and the names, where a bound is broken."""
    shares, lines = measure(root)
    is_met = all(share.is_met for share in shares)
    for line in [*(() if is_met else lines), *shares]:
        sys.stdout.write(f"names: {line}\n")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
