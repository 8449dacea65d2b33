"""The collector's process, and the tokens that open it."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import uvicorn

from panelstream.flows.services import early_stop, service_log, serving
from panelstream.flows.services.pipelines import PipelineOpener
from panelstream.ingest.collector import connections, sinks, tokens
from panelstream.ingest.collector.application import Collector
from panelstream.ingest.collector.sinks import EventSink
from panelstream.ingest.collector.tokens import Token, Tokens
from panelstream.ingest.kafka import clients
from panelstream.models.errors import UsageError
from panelstream.models.settings.collector import Limits
from panelstream.models.settings.environment import Settings
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.timestamps import utc_now

_GRACE_SECONDS = 15
"""For requests under way at the end: their events are being made durable."""
_ANOTHER_ADDRESS = "name another in PANELSTREAM_COLLECTOR_ADDRESS"


def run_collector(
    settings: Settings, own_warehouse: bool, say: Callable[[str], None]
) -> None:
    """Receive events over HTTP until SIGTERM or SIGINT.

    `own_warehouse`: it opens an embedded warehouse itself where no process serves it,
    else it waits, and answers 503. Raises `FileError` without tokens, `Unreachable`
    where Kafka cannot be reached or the address is in use.
    """
    early_stop.end_well_at_sigterm()
    with service_log.logging_to_stderr(settings.log):
        _collect(settings, own_warehouse, say)


def _collect(
    settings: Settings, own_warehouse: bool, say: Callable[[str], None]
) -> None:
    folder, own = load_study(settings.study), settings.collector
    accepted_tokens = Tokens(own.tokens_file)
    sink = _sink(settings, folder, own_warehouse)
    listening = serving.listen(own.host, own.port, _ANOTHER_ADDRESS)
    collector = Collector(folder.catalogue, accepted_tokens, sink, own.limits, utc_now)
    line = f"taking events at http://{own.host}:{own.port}/events, for {sink.name}"
    asyncio.run(_serve(collector, listening, own.limits, partial(say, line)))


def _sink(settings: Settings, folder: StudyFolder, own_warehouse: bool) -> EventSink:
    """Where events go. Raises `Unreachable` where Kafka cannot be reached."""
    if settings.collector.through_kafka:
        clients.describe_topics(settings.kafka)
        return sinks.KafkaEventSink(settings.kafka)
    return sinks.WarehouseEventSink(PipelineOpener(settings, folder, own_warehouse))


async def _serve(
    collector: Collector,
    listening: socket.socket,
    limits: Limits,
    announce: Callable[[], None],
) -> None:
    async with collector.running():
        config = uvicorn.Config(
            collector.application(),
            http=connections.within(limits.head_seconds),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=limits.idle_seconds,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        server = serving.stoppable(config)
        announce()
        await server.serve(sockets=[listening])


def add_token(settings: Settings, source: str) -> tuple[Token, str]:
    """Make a token for a source; returns it with its secret.

    Raises `UsageError` if the catalogue does not have the source.
    """
    sources = load_study(settings.study).catalogue.sources
    if source not in sources:
        raise UsageError(
            f"the catalogue has no source '{source}'; it has {', '.join(sources)}"
        )
    today = datetime.now(UTC).date().isoformat()
    return tokens.add(settings.collector.tokens_file, source, today)


def list_tokens(settings: Settings) -> Sequence[Token]:
    """The tokens, without their secrets."""
    load_study(settings.study)
    return tokens.read(settings.collector.tokens_file)


def revoke_token(settings: Settings, name: str) -> Token:
    """Revoke a token; a collector that runs refuses it from its next request on."""
    load_study(settings.study)
    return tokens.revoke(settings.collector.tokens_file, name)
