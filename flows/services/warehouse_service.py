"""The process that owns an embedded warehouse and serves it on loopback."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from panelstream.chdb_server.admission import Limits, User
from panelstream.chdb_server.application import Application, Service
from panelstream.chdb_server.engine import Engine
from panelstream.flows.services import serving
from panelstream.models.errors import Unreachable, UsageError
from panelstream.models.warehouse import endpoint
from panelstream.models.warehouse.endpoint import Endpoint, State

HOST = "127.0.0.1"
OWNER, READER = "panelstream", "reader"
GRACE_SECONDS = 5
"""Seconds that running queries get when the process is told to stop."""
LONGEST_URL = 1 << 20
_ANOTHER_PORT = "name another with --port or PANELSTREAM_WAREHOUSE_PORT"
_SCHEME = "chdb://"


def serve(
    folder: Path, warehouse: str, port: int, limits: Limits, say: Callable[[str], None]
) -> None:
    """Own `warehouse` (a chdb DSN) and answer on loopback until SIGTERM or SIGINT.

    Raises `UsageError` if it is not an embedded one; `Unreachable` if another
    process has it or the port.
    """
    if not warehouse.startswith(_SCHEME):
        raise UsageError(
            "PANELSTREAM_WAREHOUSE names a server already; there is nothing to serve"
        )
    _refuse_second(folder, warehouse)
    listening = serving.listen(HOST, port, _ANOTHER_PORT)
    with _engine(Path(warehouse.removeprefix(_SCHEME))) as engine:
        users = tuple(
            User(name, secrets.token_urlsafe(24), name == READER)
            for name in (OWNER, READER)
        )
        service = Service.over(engine, users, limits)
        left = _endpoint(listening, users, warehouse)
        asyncio.run(_answer(Application(service), listening, folder, left, say))


async def _answer(
    application: Application,
    listening: socket.socket,
    folder: Path,
    left: Endpoint,
    say: Callable[[str], None],
) -> None:
    server = serving.stoppable(_config(application))
    endpoint.write_endpoint(folder, left)
    try:
        say(f"{left.warehouse.removeprefix(_SCHEME)}: served at {left.url}")
        await server.serve(sockets=[listening])
    finally:
        endpoint.remove_endpoint(folder, left)


def _config(application: Application) -> uvicorn.Config:
    # A failed answer is broken off by raising; that is no news for a log.
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
    found = endpoint.read_endpoint(folder)
    if found and found.warehouse == warehouse and endpoint.probe(found) != State.GONE:
        raise Unreachable(
            f"{warehouse.removeprefix(_SCHEME)} is already served at {found.url} by "
            f"process {found.pid}"
        )


@contextmanager
def _engine(path: Path) -> Iterator[Engine]:
    engine = Engine(path)
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
