"""The collector's process, and the tokens that open it."""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvicorn

from panelstream.flows.services import serving, worker_service
from panelstream.flows.workspace import open_workspace
from panelstream.ingest.collector import connections, sinks, tokens
from panelstream.ingest.collector.application import Collector
from panelstream.ingest.collector.sinks import Sink
from panelstream.ingest.collector.tokens import Token, Tokens
from panelstream.ingest.kafka import clients
from panelstream.models.errors import UsageError
from panelstream.models.settings.collector import CollectorSettings, Limits
from panelstream.models.settings.environment import Settings, Values
from panelstream.models.settings.kafka import KafkaSettings
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.timestamps import utc_now

_GRACE_SECONDS = 15
"""For requests under way when told to stop: their events are being made durable."""


@dataclass(frozen=True)
class Collecting:
    """A study with the settings of its collector."""

    settings: Settings
    values: Values
    collector: CollectorSettings
    folder: StudyFolder


def read_settings(path: Path | None) -> Collecting:
    """Read the environment, the study and its `.env`."""
    settings = Settings.from_environ(os.environ, path)
    values = Values.read(os.environ, settings.study)
    collector = CollectorSettings.from_values(values, settings.study)
    return Collecting(settings, values, collector, load_study(settings.study))


def collect(path: Path | None, say: Callable[[str], None]) -> None:
    """Take events over HTTP until SIGTERM or SIGINT.

    Raises `FileError` without tokens, `Unreachable` where Kafka, the warehouse or the
    address cannot be had.
    """
    made = read_settings(path)
    known = Tokens(made.collector.tokens_file)
    sink = _sink(path, made)
    host, port = made.collector.host, made.collector.port
    remedy = "name another in PANELSTREAM_COLLECTOR_ADDRESS"
    listening = serving.listen(host, port, remedy)
    collector = Collector(
        made.folder.catalogue, known, sink, made.collector.limits, utc_now
    )
    _log_to_stderr()
    where = f"taking events at http://{host}:{port}/events, for {sink.name}"
    told = partial(say, where)
    asyncio.run(_serve(collector, listening, made.collector.limits, told))


def _sink(path: Path | None, made: Collecting) -> Sink:
    """Where events go; connected to once, so that what is wrong is said in one line."""
    if made.collector.through_kafka:
        kafka = KafkaSettings.from_values(made.values)
        clients.describe_topics(kafka)
        return sinks.KafkaSink(kafka)
    with open_workspace(path):
        pass  # migrated once; from here on the collector opens it as often as it must
    return sinks.WarehouseSink(worker_service.pipelines(made.settings, made.folder))


async def _serve(
    collector: Collector,
    listening: socket.socket,
    limits: Limits,
    told: Callable[[], None],
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
        told()
        await server.serve(sockets=[listening])


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    )
    own = logging.getLogger("panelstream")
    own.addHandler(handler)
    own.setLevel(logging.INFO)
    clients.quieten()
    # What a client or a broken connection does is no news for a log.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)


def add_token(path: Path | None, source: str) -> tuple[Token, str]:
    """Make a token for a source. Raises `UsageError` if the catalogue has no such."""
    made = read_settings(path)
    known = made.folder.catalogue.sources
    if source not in known:
        raise UsageError(
            f"the catalogue has no source '{source}'; it has {', '.join(known)}"
        )
    today = datetime.now(UTC).date().isoformat()
    return tokens.add(made.collector.tokens_file, source, today)


def list_tokens(path: Path | None) -> Sequence[Token]:
    """The tokens there are, without what opens the door."""
    return tokens.read(read_settings(path).collector.tokens_file)


def revoke_token(path: Path | None, name: str) -> Token:
    """Take a token away; a collector that runs refuses it from its next request on."""
    return tokens.revoke(read_settings(path).collector.tokens_file, name)
