"""A Faust app as a process: its options, its signals, and how it ends."""

import asyncio
import contextlib
import socket
from typing import Any

import faust
from faust.types import ServiceT

from panelstream.models.errors import Unreachable
from panelstream.models.settings.kafka import KafkaSettings, WorkerSettings


def app_options(
    kafka: KafkaSettings, settings: WorkerSettings, folder: str
) -> dict[str, Any]:
    """What every app of ours has: the brokers, and pages of our own only."""
    return {
        "broker": [f"kafka://{server}" for server in kafka.servers],
        "broker_credentials": _credentials(kafka),
        "datadir": folder,
        "web_bind": settings.host,
        "web_port": settings.port,
        # Faust's own pages on streams and tables.
        "web_router_enabled": False,
        "web_tables_enabled": False,
    }


def run_app(app: faust.App, *services: ServiceT) -> None:
    """Run until SIGTERM or SIGINT; raises the reason if a service or task crashes."""
    worker = faust.Worker(
        app,
        *services,
        quiet=True,
        override_logging=False,
        redirect_stdouts=False,
        loop=asyncio.get_event_loop_policy().get_event_loop(),
    )
    worker.spinner = None  # it writes escape codes, also where no terminal is
    with contextlib.suppress(SystemExit):
        worker.execute_from_commandline()
    if worker.crash_reason:
        raise worker.crash_reason


def require_free_address(settings: WorkerSettings) -> None:
    """Raise `Unreachable` if the address of the pages is in use, before Faust starts."""
    try:
        with socket.create_server((settings.host, settings.port)):
            pass
    except OSError as error:
        raise Unreachable(
            f"PANELSTREAM_WORKER_ADDRESS: cannot listen on {settings.host}:"
            f"{settings.port} ({error.strerror}); another worker may use it: give each "
            f"its own"
        ) from None


def _credentials(kafka: KafkaSettings) -> Any:
    security, context = kafka.security, kafka.security.ssl_context()
    if security.protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=security.username,
            password=security.password,
            mechanism=security.mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
