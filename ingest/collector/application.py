"""The collector as an ASGI application."""

import logging
import time
import traceback
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from panelstream.ingest.collector import admission, bodies, checks, messages
from panelstream.ingest.collector.admission import Memory, Rates, Reservation
from panelstream.ingest.collector.checks import Checked
from panelstream.ingest.collector.guard import Guard
from panelstream.ingest.collector.messages import Mode
from panelstream.ingest.collector.metrics import CollectorMetrics
from panelstream.ingest.collector.problems import Problem
from panelstream.ingest.collector.sinks import ORIGIN, EventSink, Written
from panelstream.ingest.collector.tokens import Tokens
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.events.event import Counts, Position, Rejection
from panelstream.models.settings.collector import Limits

DESCRIPTION = Path(__file__).parent / "openapi.json"
REQUEST_ID = "X-Request-ID"

_THREADS = 4
_AT_ONCE = 32 << 10
"""Bytes of content that are checked without a thread: about a hundred events, which
take as long as handing them to a thread and back."""

_log = logging.getLogger("panelstream.collector")

_Result = TypeVar("_Result")


class Collector:
    """Takes events in; `clock` tells the time (UTC, aware)."""

    def __init__(
        self,
        catalogue: Catalogue,
        tokens: Tokens,
        sink: EventSink,
        limits: Limits,
        clock: Callable[[], datetime],
    ) -> None:
        self._tokens, self._limits, self._clock = tokens, limits, clock
        self._catalogue = cache(lambda source: checks.of_source(catalogue, source))
        self.metrics = CollectorMetrics()
        self.memory, self._rates = Memory(limits), Rates(limits)
        self.guard = Guard(sink, limits, self.metrics)
        self.metrics.held_bytes.set_function(lambda: self.memory.used)
        self._threads = CapacityLimiter(_THREADS)

    def application(self) -> Starlette:
        """The application with its routes; every other answer is a problem document."""
        routes = [
            Route("/events", self.post, methods=["POST"]),
            Route("/health", self.health),
            Route("/ready", self.ready),
            Route("/metrics", self.show_metrics),
            Route("/openapi.json", self.describe),
        ]
        application = Starlette(
            routes=routes, exception_handlers={HTTPException: _unknown}
        )
        application.router.redirect_slashes = False
        return application

    async def post(self, request: Request) -> Response:
        """Answer one request to take events; its id is in dead letters and log.

        The id is the collector's own: clients may use one of theirs several times.
        """
        request_id = uuid.uuid4().hex
        try:
            response = await self._take(request, request_id)
        except Problem as problem:
            response = problem.response()
        except ClientDisconnect:
            response = Problem(400, "The body is cut off.").response()
        except Exception as error:
            _log.error("request %s: a defect: %s", request_id, _place(error))
            response = Problem(500, "A defect of the collector.").response()
        response.headers[REQUEST_ID] = request_id
        self.metrics.requests.labels(str(response.status_code)).inc()
        return response

    async def _take(self, request: Request, request_id: str) -> Response:
        source = admission.authenticate(self._tokens, request)
        self._rates.admit(source)
        self.guard.check()
        kind, packed = messages.mode(request), bodies.encoding(request)
        reservation = Reservation(self.memory, source)
        try:
            body = await bodies.read(request, self._limits, reservation)
            content = await self._unpacked(body, reservation) if packed else body
            checked = await self._checked(request, kind, content, source, request_id)
            return await self._written(checked, kind, source, reservation)
        finally:
            reservation.release()

    async def _unpacked(self, body: bytes, reservation: Reservation) -> bytes:
        content = await self._in_thread(lambda: bodies.unpacked(body, self._limits))
        reservation.take(len(content))
        return content

    async def _checked(
        self, request: Request, kind: Mode, content: bytes, source: str, request_id: str
    ) -> Checked:
        def work() -> Checked:
            place = Position(f"{ORIGIN}/{request_id}", 1, origin_id=request_id)
            raw = messages.read(request, kind, content, place)
            if raw.payload.count(b"\n") >= self._limits.events:
                detail = f"A request may have {self._limits.events:,} events."
                raise Problem(413, detail)
            return checks.check(raw, self._catalogue(source), self._clock())

        checked = work() if len(content) <= _AT_ONCE else await self._in_thread(work)
        self._rates.charge(source, checked.received)
        return checked

    async def _written(
        self, checked: Checked, kind: Mode, source: str, reservation: Reservation
    ) -> Response:
        began = time.monotonic()
        written = await self.guard.write(checked, reservation)
        self.metrics.durable_seconds.observe(time.monotonic() - began)
        rejections = [*checked.rejections, *written.rejections]
        counts = _counts(checked, written, rejections)
        self.metrics.answered(source, counts)
        answer = {
            "received": counts.received,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "refused": counts.refused,
            "rejections": [_shown(rejection, kind) for rejection in rejections],
        }
        if rejections and counts.rejected == counts.received:
            raise _nothing_taken(checked, answer)
        return JSONResponse(answer, 202)

    async def health(self, request: Request) -> Response:
        """Whether the process answers: where it does not, start it again."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Whether events are taken; 503 while the sink is away."""
        waiting = self.guard.waiting_for
        report = {"ready": not waiting, "waiting_for": waiting}
        return JSONResponse(report, 503 if waiting else 200)

    async def show_metrics(self, request: Request) -> Response:
        """What Prometheus reads."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    async def describe(self, request: Request) -> Response:
        """The interface in OpenAPI 3.1."""
        return Response(DESCRIPTION.read_bytes(), media_type="application/json")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected to the sink, or waiting for it. Raises `Unreachable` of Kafka."""
        await self.guard.start()
        try:
            yield
        finally:
            await self.guard.stop()
            await self.guard.sink.stop()

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Do heavy work in a thread, so that one large request holds up no other."""
        return await run_sync(work, limiter=self._threads)


def _counts(
    checked: Checked, written: Written, rejections: Sequence[Rejection]
) -> Counts:
    return Counts(
        accepted=checked.received - len(rejections) - written.refused,
        refused=written.refused,
        rejected=len(rejections),
        reasons=dict(Counter(rejection.reason for rejection in rejections)),
    )


def _shown(rejection: Rejection, kind: Mode) -> dict[str, Any]:
    """Where an event was in the body, and what is wrong with it; never a value."""
    place, index = rejection.position, rejection.position.index
    where: dict[str, Any] = {"line": place.line} if kind == "lines" else {}
    if index is not None or not where:
        where["index"] = index or 0
    return {**where, "reason": rejection.reason, "field": rejection.field}


def _nothing_taken(checked: Checked, answer: dict[str, Any]) -> Problem:
    if checked.foreign:
        detail = "The token may write its own source only; every event names another."
        return Problem(403, detail, **answer)
    return Problem(422, "Every event was rejected; see rejections.", **answer)


def _place(error: Exception) -> str:
    """Where it happened, but not the message: that may quote somebody's data."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


async def _unknown(request: Request, error: Exception) -> Response:
    """A path or a method that is not there."""
    assert isinstance(error, HTTPException)
    detail = "There is no such resource; /openapi.json describes those there are."
    if error.status_code == 405:
        detail = "This resource has no such method; see Allow."
    return Problem(error.status_code, detail, error.headers).response()
