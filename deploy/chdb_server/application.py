"""ClickHouse's HTTP interface as an ASGI application."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from panelstream.chdb_server import admission, error_codes, replies, requests
from panelstream.chdb_server.admission import Limits, User
from panelstream.chdb_server.engine import Answer, Engine, EngineError, Handle
from panelstream.chdb_server.replies import Engraved, Reply
from panelstream.chdb_server.requests import Ask
from panelstream.chdb_server.sessions import Sessions

T = TypeVar("T")
QUERIES_AT_ONCE = 32
JOINABLE = frozenset(
    [
        "Native",
        "RowBinary",
        "TabSeparated",
        "TSV",
        "TabSeparatedRaw",
        "TSVRaw",
        "CSV",
        "JSONEachRow",
    ]
)
"""Formats whose blocks can be joined, so that a result need not be held as a whole."""
DEFAULT_FORM = "TabSeparated"


@dataclass(frozen=True)
class Service:
    """The engine with its users, limits and sessions."""

    engine: Engine
    users: tuple[User, ...]
    limits: Limits
    engraved: Engraved
    table_functions: frozenset[str]
    sessions: Sessions

    @classmethod
    def over(cls, engine: Engine, users: tuple[User, ...], limits: Limits) -> "Service":
        """Ask the engine what every answer says of it."""
        [[version, timezone]] = engine.ask("SELECT version(), timezone()")
        names = engine.ask("SELECT lower(name) FROM system.table_functions")
        functions = frozenset(name for [name] in names)
        return cls(
            engine, users, limits, Engraved(version, timezone), functions, Sessions()
        )

    def answer(self, user: User, ask: Ask) -> Reply:
        """Run what is asked for, as far as the first bytes of its answer."""
        admission.check(ask.statement)
        if user.reader:
            admission.check_limits(self.limits, ask)
        handle = self.engine.handle()
        try:
            self._prepare(handle, user, ask)
            reply = self._reply(handle, ask)
        except BaseException:
            handle.close()
            raise
        self.sessions.remember(user.name, ask)
        return reply

    def _prepare(self, handle: Handle, user: User, ask: Ask) -> None:
        handle.apply(self.limits.settings)
        self.sessions.begin(handle, user.name, ask)
        if ask.database:
            handle.use(ask.database)
        settings = {k: v for k, v in ask.settings.items() if k != "readonly"}
        handle.apply({**settings, **ask.parameters})
        if user.reader:
            admission.check_reader(handle, ask, self.table_functions)
        handle.apply(admission.read_only(ask, user))

    def _reply(self, handle: Handle, ask: Ask) -> Reply:
        form = ask.statement.form or ask.default_form or DEFAULT_FORM
        given = _run(handle, ask, form)
        shown = form if ask.statement.answers else ""
        return replies.result(handle, given, shown, ask, self.engraved)


class Application:
    """Answers `/` and `/ping`; every piece of work runs in a thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._threads = CapacityLimiter(QUERIES_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        known = _known(request)
        if known is not None:
            await known(scope, receive, send)
            return
        reply = await self._reply(request)
        try:
            response = StreamingResponse(
                self._sent(reply), reply.status, dict(reply.headers)
            )
            await response(scope, receive, send)
        finally:
            # Whoever asked may have gone: the query must end all the same.
            with CancelScope(shield=True):
                await self._in_thread(reply.close)

    async def _reply(self, request: Request) -> Reply:
        service = self._service
        try:
            user = admission.authenticate(service.users, requests.credentials(request))
            limit = service.limits.body
            with await requests.spool(request.stream(), limit) as body:
                return await self._in_thread(
                    lambda: service.answer(user, requests.read(request, body, limit))
                )
        except EngineError as error:
            query_id = request.query_params.get("query_id", "")
            return replies.failure(error, service.engraved, query_id)
        except ClientDisconnect:
            return Reply(400, {}, iter(()))
        except Exception as error:
            return replies.failure(error_codes.defect(error), service.engraved, "")

    async def _sent(self, reply: Reply) -> AsyncIterator[bytes]:
        while piece := await self._in_thread(lambda: next(reply.pieces, b"")):
            yield piece

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await run_sync(work, limiter=self._threads)


def _run(handle: Handle, ask: Ask, form: str) -> Answer:
    statement = ask.statement
    if statement.data_at is not None:
        return handle.insert(*statement.parts, form, ask.data)
    streams = statement.verb in ("SELECT", "WITH") and form in JOINABLE
    work = handle.stream if streams else handle.run
    return work(statement.sql, form)


def _known(request: Request) -> Response | None:
    """The answer to what is no query: signs of life, and paths that are not there."""
    path = request.url.path
    bare = request.method in ("GET", "HEAD") and "query" not in request.query_params
    if path == "/ping" or (path == "/" and bare):
        return PlainTextResponse("Ok.\n")
    if path != "/":
        return PlainTextResponse(
            f"There is no handle {path}\n\nUse / for queries and /ping to ask "
            f"whether the warehouse is up.\n",
            404,
        )
    return None
