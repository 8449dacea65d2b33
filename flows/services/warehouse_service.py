"""The process that opens an embedded warehouse and serves it on loopback."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from panelstream.chdb_server.admission import QueryLimits, User
from panelstream.chdb_server.application import Application, Service
from panelstream.chdb_server.engine import Engine, EngineError
from panelstream.flows.services import early_stop, serving
from panelstream.models.errors import SettingError, Unreachable
from panelstream.models.settings.dsn import embedded_path, is_embedded
from panelstream.models.settings.environment import Settings
from panelstream.models.warehouse import client, endpoint, views
from panelstream.models.warehouse.endpoint import Endpoint, State

HOST = "127.0.0.1"
OWNER, READER = "panelstream", "reader"
GRACE_SECONDS = 5
"""Seconds that running queries get when the process is told to stop."""
LONGEST_URL = 1 << 20
_ANOTHER_PORT = "name another with --port or PANELSTREAM_WAREHOUSE_PORT"


def serve_warehouse(
    settings: Settings, port: int, limits: QueryLimits, say: Callable[[str], None]
) -> None:
    """Open the embedded warehouse and serve it on loopback until SIGTERM or SIGINT.

    Raises `SettingError` if the warehouse is not an embedded one; `Unreachable` if
    another process holds it or the port.
    """
    early_stop.end_well_at_sigterm()
    folder, dsn = settings.study, settings.warehouse
    if not is_embedded(dsn):
        raise SettingError(
            f"{settings.warehouse_setting} names a server already; there is no embedded "
            "warehouse to serve"
        )
    _refuse_second(folder, dsn)
    listening = serving.listen(HOST, port, _ANOTHER_PORT)
    with _open_engine(embedded_path(dsn), settings) as engine:
        hidden = views.operator_relations()
        users = tuple(
            User(name, secrets.token_urlsafe(24), name == READER, hidden)
            for name in (OWNER, READER)
        )
        service = Service.start(engine, users, limits)
        address = _endpoint(listening, users, dsn)
        asyncio.run(_answer(Application(service), listening, folder, address, say))


async def _answer(
    application: Application,
    listening: socket.socket,
    folder: Path,
    address: Endpoint,
    say: Callable[[str], None],
) -> None:
    server = serving.stoppable(_config(application))
    endpoint.write_endpoint(folder, address)
    try:
        say(f"{embedded_path(address.warehouse)}: served at {address.url}")
        await server.serve(sockets=[listening])
    finally:
        endpoint.remove_endpoint(folder, address)


def _config(application: Application) -> uvicorn.Config:
    # A failed reply is broken off by raising; that is not worth a line of log.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    return uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=LONGEST_URL,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _refuse_second(folder: Path, warehouse: str) -> None:
    server = endpoint.read_endpoint(folder)
    if (
        server
        and server.warehouse == warehouse
        and endpoint.probe(server) != State.GONE
    ):
        raise Unreachable(
            f"{embedded_path(warehouse)} is already served at {server.url} by "
            f"process {server.pid}"
        )


@contextmanager
def _open_engine(path: Path, settings: Settings) -> Iterator[Engine]:
    client.refuse_path(path, settings.warehouse_setting)
    try:
        with client.silent_engine():
            engine = Engine(path)
    except EngineError as error:
        raise Unreachable(
            f"the warehouse {path} cannot be opened (code {error.code}); make room, or "
            f"restore it from a backup, or name another in {settings.warehouse_setting}"
        ) from None
    try:
        yield engine
    finally:
        engine.stop_queries()
        engine.close()


def _endpoint(
    listening: socket.socket, users: tuple[User, ...], warehouse: str
) -> Endpoint:
    owner, reader = users
    return Endpoint(
        url=f"http://{HOST}:{listening.getsockname()[1]}/",
        user=owner.name,
        password=owner.password,
        reader=reader.name,
        reader_password=reader.password,
        pid=os.getpid(),
        warehouse=warehouse,
    )
