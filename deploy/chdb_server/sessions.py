"""Sessions: what SET and USE did, done again before each query of the session."""

import time
from dataclasses import dataclass

from panelstream.chdb_server import error_codes
from panelstream.chdb_server.engine import Handle
from panelstream.chdb_server.requests import Ask


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

    def begin(self, handle: Handle, user: str, ask: Ask) -> None:
        """Bring a fresh handle to where its session stands."""
        session = self._found(user, ask) if ask.session else None
        for statement in session.statements if session else ():
            handle.run(statement)

    def remember(self, user: str, ask: Ask) -> None:
        """Keep a SET or USE that has succeeded."""
        session = self._sessions.get((user, ask.session))
        if session and ask.statement.verb in ("SET", "USE"):
            others = (one for one in session.statements if one != ask.statement.sql)
            session.statements = (*others, ask.statement.sql)

    def _found(self, user: str, ask: Ask) -> _Session:
        now = time.monotonic()
        alive = {key: one for key, one in self._sessions.items() if one.until > now}
        self._sessions = alive
        if ask.session_must_exist and (user, ask.session) not in alive:
            raise error_codes.refusal(
                error_codes.SESSION_NOT_FOUND, f"Session {ask.session} not found"
            )
        session = alive.setdefault((user, ask.session), _Session((), now))
        session.until = now + ask.session_seconds
        return session
