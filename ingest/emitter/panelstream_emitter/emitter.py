"""The emitter: what a platform calls when somebody did something."""

from __future__ import annotations

import atexit
import os
import threading
import time as clock
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Literal, get_args

from panelstream_emitter import events, reports
from panelstream_emitter.process import Process
from panelstream_emitter.reports import Reports
from panelstream_emitter.schemas import Schemas
from panelstream_emitter.spool import Spool
from panelstream_emitter.trouble import Dropped, InvalidEvent, Misconfigured, Trouble

if TYPE_CHECKING:
    from types import TracebackType

    from panelstream_emitter.sinks import Sink

Mode = Literal["durable", "fast"]

EXIT_SECONDS = 2.0
"""How long the interpreter's exit waits for what is still to be sent."""
_REOPEN_SECONDS = 1.0
_EMITTERS: set[Emitter] = set()


class Emitter:
    """Sends events to Kafka, or to the collector; thread-safe, and survives `fork`.

    What it takes waits in `spool` until it has arrived, over crashes and restarts.
    """

    def __init__(
        self,
        *,
        source: str,
        spool: str | os.PathLike[str],
        kafka: str | None = None,
        topic: str = "panelstream.events",
        kafka_options: Mapping[str, Any] | None = None,
        url: str | None = None,
        token: str = "",
        mode: Mode = "durable",
        spool_bytes: int = 256 << 20,
        on_trouble: Callable[[Trouble], None] = reports.log,
        strict: bool = False,
        schema: str | os.PathLike[str] | None = None,
    ) -> None:
        """Either `kafka` (host:port, several with commas) or `url` (the collector's).

        `source` is one that the catalogue lists; `spool` a folder on a local disk,
        shared by the processes of one platform; `mode` says what a returned id means
        (durable: written; fast: queued); `schema`, by which `emit` checks if `strict`,
        is what `panelstream catalogue schema` wrote. Raises `Misconfigured`.
        """
        _require_valid(source, mode)
        self._source, self._fast, self._strict = source, mode == "fast", strict
        self._schemas = Schemas.read(Path(schema)) if schema is not None else None
        self._make_sink = _sink_maker(kafka, topic, kafka_options or {}, url, token)
        self._make_sink()
        self._spool = _made(Spool(Path(spool).absolute(), spool_bytes))
        self._on_trouble = on_trouble
        self._closed = False
        self._opened: Process | None = None
        self._opening = threading.RLock()
        self._unopened = 0
        self._reopen_at = 0.0
        _EMITTERS.add(self)
        if self._spool.has_orphans():
            self._process()

    def emit(
        self,
        type: str,
        *,
        subject: str | int | None = None,
        data: Mapping[str, Any] | None = None,
        time: datetime | None = None,
        id: str | None = None,
    ) -> str | None:
        """Take an event; its id, or None where it was dropped, which is counted.

        `subject` is the platform's user id, `time` (now, if None) has an offset, and
        `id` is for those who make their own, as in a back-fill. Never blocks, and
        never raises unless the emitter is strict. Then, in place of None, it raises
        `InvalidEvent` (it will never be taken; what is wrong with it) or `Dropped` (it
        is not taken now; why).
        """
        try:
            process = self._process()
            identity = id or process.ids.next()
            event = events.event(self._source, identity, type, subject, data, time)
            line = events.line(event)
            if self._strict and self._schemas is not None:
                self._schemas.check(event)
            process.accept(line)
        except Exception as error:
            with suppress(Exception):  # as when it is just being closed
                self._drop(_reason(error))
            if not self._strict:
                return None
            if isinstance(error, InvalidEvent):
                raise
            raise Dropped(_reason(error)) from error
        return identity

    def counts(self) -> dict[str, int]:
        """Counts over all processes that ever used the spool, the dead ones too.

        `accepted` (an id was returned), `dropped` (None was), `sent` (acknowledged;
        again, if sent again), `rejected`, `lost` (accepted and never written), and
        `waiting_bytes` in the spool. Reads files: not for every request.
        """
        return self._spool.counts()

    def close(self, seconds: float = EXIT_SECONDS) -> bool:
        """Send what is left; whether all arrived. Otherwise it waits in the spool.

        Called by itself at the interpreter's exit. What is emitted later is dropped.
        """
        self._closed = True
        _EMITTERS.discard(self)
        process, self._opened = self._opened, None
        return process is None or process.close(seconds)

    def __enter__(self) -> Emitter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _process(self) -> Process:
        process = self._opened
        return self._open() if process is None else process

    def _open(self) -> Process:
        with self._opening:
            if self._opened is None:
                self._opened = self._enter()
            return self._opened

    def _enter(self) -> Process:
        """Raises `OSError` where the spool takes nothing, and does not ask too often."""
        if self._closed:
            raise Dropped("the emitter is closed")
        if clock.monotonic() < self._reopen_at:
            raise Dropped("the spool cannot be opened")
        self._reopen_at = clock.monotonic() + _REOPEN_SECONDS
        tell = Reports(self._on_trouble)
        process = Process(self._spool, self._make_sink(), self._fast, tell)
        dropped, self._unopened = self._unopened, 0
        if dropped:
            process.drop("the spool could not be opened", dropped)
        return process

    def _drop(self, why: str) -> None:
        process = self._opened
        if process is None:
            self._unopened += 1
        else:
            process.drop(why)

    def _after_fork(self) -> None:
        """In the child: everything that is open is the parent's."""
        parents, self._opened = self._opened, None
        self._opening = threading.RLock()
        self._unopened, self._reopen_at = 0, 0.0
        if parents is not None:
            parents.abandon()


def _require_valid(source: str, mode: str) -> None:
    if not source or mode not in get_args(Mode):
        raise Misconfigured("source: not empty; mode: durable or fast")


def _sink_maker(
    kafka: str | None,
    topic: str,
    options: Mapping[str, Any],
    url: str | None,
    token: str,
) -> Callable[[], Sink]:
    """What makes the sink; imported only if it is used."""
    if (kafka is None) == (url is None):
        raise Misconfigured("give either kafka or url, the one that there is")
    if kafka is not None:
        from panelstream_emitter.kafka_sink import KafkaSink

        return lambda: KafkaSink(kafka, topic, options)
    from panelstream_emitter.http_sink import HttpSink

    return lambda: HttpSink(url or "", token)


def _made(spool: Spool) -> Spool:
    try:
        spool.make()
    except OSError as error:
        raise Misconfigured(
            f"spool: {spool.folder}: {error.strerror}; a folder this process may write"
        ) from None
    return spool


def _reason(error: Exception) -> str:
    told = isinstance(error, (InvalidEvent, Dropped))
    return str(error) if told else reports.why(error)


def _close_all() -> None:
    for emitter in list(_EMITTERS):
        emitter.close()


def _forget_all() -> None:
    for emitter in list(_EMITTERS):
        emitter._after_fork()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
