"""Who may ask what: users, limits on one query, and what would harm the engine."""

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from panelstream.chdb_server import error_codes, statements
from panelstream.chdb_server.engine import EngineError, Handle
from panelstream.chdb_server.requests import Ask, Credentials
from panelstream.chdb_server.statements import Statement

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
        "merge",
        "input",
        "format",
        "loop",
        "dictionary",
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
class Limits:
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
    """Somebody who is known; a reader changes nothing and sees only the warehouse."""

    name: str
    password: str
    reader: bool = False


def authenticate(users: Iterable[User], given: Credentials) -> User:
    """The user that gave these credentials; raises code 516."""
    for user in users:
        known = user.name == given.user
        if hmac.compare_digest(user.password.encode(), given.password.encode()) & known:
            return user
    raise error_codes.refusal(
        error_codes.AUTHENTICATION_FAILED,
        f"{given.user}: Authentication failed: password is incorrect, "
        f"or there is no user with such name",
    )


def check(statement: Statement) -> None:
    """Refuse what this front cannot do, and what would spoil the warehouse."""
    if statements.several(statement):
        raise error_codes.refusal(
            error_codes.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)"
        )
    if statement.has("INTO", "OUTFILE") or statement.has("FROM", "INFILE"):
        raise error_codes.refusal(
            error_codes.NOT_IMPLEMENTED,
            "Files of the server are not read or written here",
        )
    if statement.has("TEMPORARY", "TABLE") and statement.verb != "SHOW":
        raise error_codes.refusal(
            error_codes.NOT_IMPLEMENTED,
            "Temporary tables are not kept here; use a table with ENGINE = Memory",
        )
    if _engine_of(statement) == "kafka":
        # Creating one fails, but leaves metadata with which the path never opens again.
        raise error_codes.refusal(
            error_codes.UNKNOWN_STORAGE, "Unknown table engine Kafka"
        )


def check_limits(limits: Limits, ask: Ask) -> None:
    """Refuse a reader's settings beyond the limits; raises code 452."""
    for name, limit in limits.settings.items():
        value = ask.settings.get(name)
        beyond = value is not None and not 0 < _number(value) <= int(limit)
        if beyond or name.upper() in ask.statement.words:
            raise error_codes.refusal(
                error_codes.SETTING_CONSTRAINT_VIOLATION,
                f"Setting {name} shouldn't be greater than {limit}",
            )


def check_reader(handle: Handle, ask: Ask, table_functions: frozenset[str]) -> None:
    """Refuse a reader everything but reading the warehouse.

    The engine's own read-only mode would still open files and addresses, so its
    parser is asked what the statement names. Raises code 164 or 497.
    """
    if ask.statement.data_at is not None:
        raise _readonly()
    tree = b"".join(
        handle.run(f"EXPLAIN AST {ask.statement.bare}", "TSVRaw").pieces
    ).decode()
    if not tree.startswith(_READER_MAY):
        raise _readonly()
    functions = {name.lower() for name in _FUNCTION.findall(tree)}
    outside = functions & (table_functions - _HARMLESS | {"file", "catboostevaluate"})
    named = [*_IDENTIFIER.findall(tree), *_identifiers(ask)]
    if outside or not all(_PATHLESS.fullmatch(name) for name in named):
        raise error_codes.refusal(
            error_codes.ACCESS_DENIED,
            "reader: Not enough privileges. To execute this query, it's necessary to "
            "have the grant READ ON FILE, URL or another source",
        )


def _readonly() -> EngineError:
    return error_codes.refusal(
        error_codes.READONLY, "reader: Cannot execute query in readonly mode"
    )


def _identifiers(ask: Ask) -> Iterable[str]:
    """Parameters that may become names; a value elsewhere may hold what it likes."""
    if "IDENTIFIER" not in ask.statement.words:
        return ()
    return ask.parameters.values()


def _engine_of(statement: Statement) -> str:
    seen = [one.text for one in statement.lexemes if one.text != "="]
    if "ENGINE" not in seen[:-1]:
        return ""
    return seen[seen.index("ENGINE") + 1].strip('`"').lower()


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0


def read_only(ask: Ask, user: User) -> Mapping[str, str]:
    """The engine's read-only setting for this request, to be set last."""
    if user.reader:
        return {"readonly": "2"}
    asked = ask.settings.get("readonly")
    if asked not in (None, "0"):
        return {"readonly": str(asked)}
    return {"readonly": "2"} if ask.reading_only else {}
