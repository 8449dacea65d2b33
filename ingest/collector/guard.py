"""The sink as requests meet it: with a time limit, and refused at once while away."""

import asyncio
import logging

from panelstream.ingest.collector.admission import Reservation
from panelstream.ingest.collector.checks import Checked
from panelstream.ingest.collector.metrics import CollectorMetrics
from panelstream.ingest.collector.problems import Problem, later
from panelstream.ingest.collector.sinks import Away, EventSink, Written
from panelstream.models.errors import PanelstreamError
from panelstream.models.settings.collector import Limits

_PROBE_SECONDS = 1.0

_log = logging.getLogger("panelstream.collector")


class Guard:
    """Writes to a sink; once that fails, says so without trying until it answers."""

    def __init__(
        self, sink: EventSink, limits: Limits, metrics: CollectorMetrics
    ) -> None:
        self.sink, self._limits, self._metrics = sink, limits, metrics
        self.waiting_for = ""
        self._reason = ""
        self._under_way: set[asyncio.Task[Written]] = set()
        self._watcher: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raises a problem, 503, while the sink is away."""
        if self.waiting_for:
            raise self._problem()

    async def write(self, checked: Checked, reservation: Reservation) -> Written:
        """Make events durable.

        Raises a problem, 503, if that is not known to have happened in time. What is
        under way then may still arrive, and holds its memory until it has.
        """
        reservation = reservation.passed_on()
        task = asyncio.create_task(self.sink.write(checked))
        self._under_way.add(task)
        task.add_done_callback(lambda _: reservation.release())
        task.add_done_callback(self._ended)
        await asyncio.wait({task}, timeout=self._limits.sink_seconds)
        if not task.done():
            self._is_away(Away())
            raise self._problem()
        try:
            return task.result()
        except Away as away:
            self._is_away(away)
            raise self._problem() from None

    async def start(self) -> None:
        """Connect to the sink, or begin to wait for it.

        Raises `Unreachable` where it is not to be waited for.
        """
        try:
            await self.sink.start()
        except Away as away:
            self._is_away(away)

    async def stop(self) -> None:
        """Look no more."""
        if self._watcher:
            self._watcher.cancel()

    def _ended(self, task: "asyncio.Task[Written]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # asked for, so that asyncio does not log what it quotes

    def _is_away(self, away: Away) -> None:
        if self.waiting_for:
            return
        self.waiting_for = self.sink.name
        self._metrics.sink_up.set(0)
        self._reason = ""
        self._log_reason(_why(away))
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        """Ask until the sink answers; then take events again."""
        while self.waiting_for:
            await asyncio.sleep(_PROBE_SECONDS)
            try:
                async with asyncio.timeout(self._limits.sink_seconds):
                    await self.sink.probe()
            except Away as away:
                self._log_reason(_why(away))
                continue
            except TimeoutError:
                continue
            self.waiting_for = ""
        self._metrics.sink_up.set(1)
        _log.warning("the %s is back", self.sink.name)

    def _log_reason(self, reason: str) -> None:
        """Log what keeps the sink away, once for each reason that follows another."""
        if reason != self._reason:
            _log.warning("waiting for the %s: %s", self.sink.name, reason)
        self._reason = reason

    def _problem(self) -> Problem:
        detail = f"The {self.sink.name} does not take events: send them again later."
        return later(503, detail, self._limits.retry_seconds)


def _why(away: Away) -> str:
    """Never what an error quotes, but for those that we wrote: they quote nobody's data."""
    cause = away.__cause__
    if isinstance(cause, PanelstreamError):
        return str(cause)
    return type(cause).__name__ if cause else "no answer in time"
