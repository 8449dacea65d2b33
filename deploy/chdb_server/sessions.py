"""Sessions: what SET and USE did, repeated before each query of the session."""

import time
from dataclasses import dataclass

from panelstream.chdb_server import error_codes
from panelstream.chdb_server.engine import Handle
from panelstream.chdb_server.requests import QueryRequest


@dataclass
class _Session:
    statements: tuple[str, ...]
    until: float


class Sessions:
    """The sessions of all users, by user and session_id.

    A handle belongs to one query, so a session is not a handle but its history.
    """

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], _Session] = {}

    def begin(self, handle: Handle, user: str, query: QueryRequest) -> None:
        """Repeat the statements of a session on a new handle."""
        session = self._session_of(user, query) if query.session else None
        for statement in session.statements if session else ():
            handle.run(statement)

    def remember(self, user: str, query: QueryRequest) -> None:
        """Remember a SET or USE that has succeeded."""
        session = self._sessions.get((user, query.session))
        if session and query.statement.verb in ("SET", "USE"):
            sql = query.statement.sql
            earlier = (
                statement for statement in session.statements if statement != sql
            )
            session.statements = (*earlier, sql)

    def _session_of(self, user: str, query: QueryRequest) -> _Session:
        now = time.monotonic()
        alive = {
            key: session
            for key, session in self._sessions.items()
            if session.until > now
        }
        self._sessions = alive
        if query.session_must_exist and (user, query.session) not in alive:
            raise error_codes.refusal(
                error_codes.SESSION_NOT_FOUND, f"Session {query.session} not found"
            )
        session = alive.setdefault((user, query.session), _Session((), now))
        session.until = now + query.session_seconds
        return session
