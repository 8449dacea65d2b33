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
from panelstream.chdb_server.admission import QueryLimits, User
from panelstream.chdb_server.engine import Engine, EngineError, EngineResult, Handle
from panelstream.chdb_server.replies import EngineInfo, Reply
from panelstream.chdb_server.requests import QueryRequest
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
"""Formats whose blocks can be joined, so that a result need not be in memory as a whole."""
DEFAULT_FORM = "TabSeparated"


@dataclass(frozen=True)
class Service:
    """The engine with its users, limits and sessions."""

    engine: Engine
    users: tuple[User, ...]
    limits: QueryLimits
    engine_info: EngineInfo
    table_functions: frozenset[str]
    sessions: Sessions

    @classmethod
    def start(
        cls, engine: Engine, users: tuple[User, ...], limits: QueryLimits
    ) -> "Service":
        """Read from the engine what every reply says of it."""
        [[version, timezone]] = engine.query_rows("SELECT version(), timezone()")
        names = engine.query_rows("SELECT lower(name) FROM system.table_functions")
        functions = frozenset(name for [name] in names)
        return cls(
            engine, users, limits, EngineInfo(version, timezone), functions, Sessions()
        )

    def answer(self, user: User, query: QueryRequest) -> Reply:
        """Run a query up to the first bytes of its reply."""
        admission.check_statement(query.statement)
        if user.reader:
            admission.check_limits(self.limits, query)
        handle = self.engine.handle()
        try:
            self._prepare(handle, user, query)
            reply = self._reply(handle, query)
        except BaseException:
            handle.close()
            raise
        self.sessions.remember(user.name, query)
        return reply

    def _prepare(self, handle: Handle, user: User, query: QueryRequest) -> None:
        handle.apply(self.limits.settings)
        self.sessions.begin(handle, user.name, query)
        if query.database:
            handle.use(query.database)
        settings = {k: v for k, v in query.settings.items() if k != "readonly"}
        handle.apply({**settings, **query.parameters})
        if user.reader:
            admission.check_reader(handle, user, query, self.table_functions)
        handle.apply(admission.read_only(query, user))

    def _reply(self, handle: Handle, query: QueryRequest) -> Reply:
        form = query.statement.form or query.default_form or DEFAULT_FORM
        rows = _run(handle, query, form)
        reply_form = form if query.statement.answers else ""
        return replies.result_reply(handle, rows, reply_form, query, self.engine_info)


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
        response = _fixed_response(request)
        if response is not None:
            await response(scope, receive, send)
            return
        reply = await self._reply(request)
        try:
            stream = StreamingResponse(
                self._sent(reply), reply.status, dict(reply.headers)
            )
            await stream(scope, receive, send)
        finally:
            # The client may have gone: the query must end all the same.
            with CancelScope(shield=True):
                await self._in_thread(reply.close)

    async def _reply(self, request: Request) -> Reply:
        service = self._service
        try:
            user = admission.authenticate(service.users, requests.credentials(request))
            limit = service.limits.body
            with await requests.spool(request.stream(), limit) as body:
                return await self._in_thread(
                    lambda: service.answer(
                        user, requests.read_request(request, body, limit)
                    )
                )
        except EngineError as error:
            query_id = request.query_params.get("query_id", "")
            return replies.error_reply(error, service.engine_info, query_id)
        except ClientDisconnect:
            return Reply(400, {}, iter(()))
        except Exception as error:
            return replies.error_reply(
                error_codes.defect(error), service.engine_info, ""
            )

    async def _sent(self, reply: Reply) -> AsyncIterator[bytes]:
        while piece := await self._in_thread(lambda: next(reply.pieces, b"")):
            yield piece

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await run_sync(work, limiter=self._threads)


def _run(handle: Handle, query: QueryRequest, form: str) -> EngineResult:
    statement = query.statement
    if statement.data_at is not None:
        return handle.insert(*statement.parts, form, query.data)
    streams = statement.verb in ("SELECT", "WITH") and form in JOINABLE
    work = handle.stream if streams else handle.run
    return work(statement.sql, form)


def _fixed_response(request: Request) -> Response | None:
    """The response to what is not a query: signs of life, and unknown paths."""
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
