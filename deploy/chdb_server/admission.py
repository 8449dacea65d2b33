"""Who may query what: users, limits on one query, and what would harm the engine."""

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from panelstream.chdb_server import error_codes, statements
from panelstream.chdb_server.engine import EngineError, Handle
from panelstream.chdb_server.requests import Credentials, QueryRequest
from panelstream.chdb_server.statements import Statement
from panelstream.chdb_server.syntax_tree import named_relations

_PATHLESS = re.compile(r"[^/\\]*")
_HARMLESS = frozenset(
    [
        "numbers",
        "numbers_mt",
        "zeros",
        "zeros_mt",
        "primes",
        "generate_series",
        "generateseries",
        "generaterandom",
        "values",
        "null",
        "view",
        "viewifpermitted",
        "input",
        "format",
        "sqlstandardvalues",
    ]
)
"""Table functions that show a reader nothing but the warehouse or made-up rows."""
_FUNCTION = re.compile(r"^ *Function (\S+)", re.MULTILINE)
_IDENTIFIER = re.compile(r"^ *(?:Table)?Identifier (.*?)(?: \(.*\))?$", re.MULTILINE)
_READER_MAY = (
    "SelectWithUnionQuery",
    "Show",
    "Describe",
    "Exists",
    "Explain",
)


@dataclass(frozen=True)
class QueryLimits:
    """What one query may take: bytes of memory, of a held result and of a body; seconds."""

    memory: int
    result: int
    body: int
    seconds: int

    @property
    def settings(self) -> dict[str, str]:
        """The same as settings of the engine."""
        return {
            "max_memory_usage": str(self.memory),
            "max_result_bytes": str(self.result),
            "max_execution_time": str(self.seconds),
        }


@dataclass(frozen=True)
class User:
    """A user; a reader changes nothing and sees only the warehouse.

    `hidden`: tables and views that a reader does not see.
    """

    name: str
    password: str
    reader: bool = False
    hidden: frozenset[str] = frozenset()


def authenticate(users: Iterable[User], credentials: Credentials) -> User:
    """The user with these credentials; raises code 516."""
    for user in users:
        is_named = user.name == credentials.user
        if (
            hmac.compare_digest(user.password.encode(), credentials.password.encode())
            & is_named
        ):
            return user
    raise error_codes.refusal(
        error_codes.AUTHENTICATION_FAILED,
        f"{credentials.user}: Authentication failed: password is incorrect, "
        f"or there is no user with such name",
    )


def check_statement(statement: Statement) -> None:
    """Refuse what this front cannot do, and what would spoil the warehouse."""
    if statements.is_multiple(statement):
        raise error_codes.refusal(
            error_codes.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)"
        )
    if statement.has("INTO", "OUTFILE") or statement.has("FROM", "INFILE"):
        raise error_codes.refusal(
            error_codes.NOT_IMPLEMENTED,
            "Files of the server cannot be read or written",
        )
    if statement.has("TEMPORARY", "TABLE") and statement.verb != "SHOW":
        raise error_codes.refusal(
            error_codes.NOT_IMPLEMENTED,
            "Temporary tables are not supported; use a table with ENGINE = Memory",
        )
    if _engine_of(statement) == "kafka":
        # Creating one fails, but leaves metadata with which the path never opens again.
        raise error_codes.refusal(
            error_codes.UNKNOWN_STORAGE, "Unknown table engine Kafka"
        )


def check_limits(limits: QueryLimits, query: QueryRequest) -> None:
    """Refuse a reader's settings beyond the limits; raises code 452."""
    for name, limit in limits.settings.items():
        value = query.settings.get(name)
        beyond = value is not None and not 0 < _number(value) <= int(limit)
        if beyond or name.upper() in query.statement.words:
            raise error_codes.refusal(
                error_codes.SETTING_CONSTRAINT_VIOLATION,
                f"Setting {name} shouldn't be greater than {limit}",
            )


def check_reader(
    handle: Handle, user: User, query: QueryRequest, table_functions: frozenset[str]
) -> None:
    """Refuse a reader everything but reading what the warehouse shows to readers.

    The engine's own read-only mode would still open files and addresses, so its
    parser tells what the statement names. Raises code 164 or 497.
    """
    if query.statement.data_at is not None:
        raise _readonly()
    tree = b"".join(
        handle.run(f"EXPLAIN AST {query.statement.bare}", "TSVRaw").pieces
    ).decode()
    if not tree.startswith(_READER_MAY):
        raise _readonly()
    functions = {name.lower() for name in _FUNCTION.findall(tree)}
    outside = functions & (table_functions - _HARMLESS | {"file", "catboostevaluate"})
    named = [*_IDENTIFIER.findall(tree), *_identifiers(query)]
    if outside or not all(_PATHLESS.fullmatch(name) for name in named):
        raise error_codes.refusal(
            error_codes.ACCESS_DENIED,
            "reader: Not enough privileges. To execute this query, it's necessary to "
            "have the grant READ ON FILE, URL or another source",
        )
    hidden = user.hidden & {*named_relations(tree), *_identifiers(query)}
    if hidden:
        raise error_codes.refusal(
            error_codes.ACCESS_DENIED,
            "reader: Not enough privileges. To execute this query, it's necessary to "
            f"have the grant SELECT ON {', '.join(sorted(hidden))}",
        )


def _readonly() -> EngineError:
    return error_codes.refusal(
        error_codes.READONLY, "reader: Cannot execute query in readonly mode"
    )


def _identifiers(query: QueryRequest) -> Iterable[str]:
    """Parameters that may become names; a value elsewhere may hold what it likes."""
    if "IDENTIFIER" not in query.statement.words:
        return ()
    return (value.rpartition(".")[2] for value in query.parameters.values())


def _engine_of(statement: Statement) -> str:
    texts = [lexeme.text for lexeme in statement.lexemes if lexeme.text != "="]
    if "ENGINE" not in texts[:-1]:
        return ""
    return texts[texts.index("ENGINE") + 1].strip('`"').lower()


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0


def read_only(query: QueryRequest, user: User) -> Mapping[str, str]:
    """The engine's read-only setting for this request, to be set last."""
    if user.reader:
        return {"readonly": "2"}
    readonly = query.settings.get("readonly")
    if readonly not in (None, "0"):
        return {"readonly": str(readonly)}
    return {"readonly": "2"} if query.reading_only else {}
