"""The endpoint file: where the warehouse process of a study folder answers."""

import base64
import fcntl
import http.client
import json
import logging
import os
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from panelstream.models.errors import FileError

ENDPOINT_FILE = "warehouse.endpoint"
SECONDS = 5
"""How long an address may take to answer before it counts as silent."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """What the file says: address, users and passwords, the process, what it serves."""

    url: str
    user: str
    password: str
    reader: str
    reader_password: str
    pid: int
    warehouse: str

    @property
    def dsn(self) -> str:
        """A clickhouse-connect DSN for commands."""
        return self._dsn_of(self.user, self.password)

    @property
    def reader_dsn(self) -> str:
        """A clickhouse-connect DSN for queries, which can change nothing."""
        return self._dsn_of(self.reader, self.reader_password)

    def _dsn_of(self, user: str, password: str) -> str:
        scheme, place = self.url.split("://")
        return f"{scheme}://{user}:{password}@{place.strip('/')}/default"


class State(Enum):
    """How the address of an endpoint answers."""

    ANSWERS = "answers"
    SILENT = "silent"
    GONE = "gone"


def lock_holder(path: Path) -> int | None:
    """The other process that holds an embedded warehouse; None if nobody does.

    Read from the lock of the engine itself, whose own refusal would go past us to
    the terminal.
    """
    lock = path / "status"
    try:
        with lock.open(encoding="utf-8") as file:
            pid = int(file.readline().removeprefix("PID:"))
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return None if pid == os.getpid() else pid
    except (OSError, ValueError):
        return None
    return None


def write_endpoint(folder: Path, endpoint: Endpoint) -> None:
    """Leave the file, readable by its owner alone, whole or not at all."""
    draft = folder / f".{ENDPOINT_FILE}.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(asdict(endpoint), file, indent=2)
    draft.replace(folder / ENDPOINT_FILE)


def remove_endpoint(folder: Path, endpoint: Endpoint) -> None:
    """Take the file away, unless it is another process's by now."""
    if read_endpoint(folder) == endpoint:
        (folder / ENDPOINT_FILE).unlink(missing_ok=True)


def read_endpoint(folder: Path) -> Endpoint | None:
    """What the file says; None without one. Raises `FileError` if it is not one."""
    path = folder / ENDPOINT_FILE
    try:
        return Endpoint(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise FileError(path, "", "not an endpoint file; remove it") from None


def served_dsn(folder: Path, warehouse: str) -> str:
    """The DSN to open: the served one where `warehouse` is served, else itself."""
    endpoint = find_endpoint(folder, warehouse)
    return endpoint.dsn if endpoint else warehouse


def find_endpoint(folder: Path, warehouse: str) -> Endpoint | None:
    """The endpoint that serves `warehouse` (a chdb DSN), if its process is there.

    A file whose process is gone is removed, with a warning. One whose process is
    silent holds: it is busy or paused, and owns the warehouse still.
    """
    endpoint = read_endpoint(folder)
    if endpoint is None or endpoint.warehouse != warehouse:
        return None
    if probe(endpoint) is not State.GONE:
        return endpoint
    remove_endpoint(folder, endpoint)
    logger.warning(
        "panelstream: nothing answers at %s any more; removed the stale %s of process %s",
        *(endpoint.url, folder / ENDPOINT_FILE, endpoint.pid),
    )
    return None


def probe(endpoint: Endpoint) -> State:
    """Ask the address as its user: somebody else's server there counts as gone."""
    address = urlsplit(endpoint.url)
    token = base64.b64encode(f"{endpoint.user}:{endpoint.password}".encode()).decode()
    connection = http.client.HTTPConnection(
        address.hostname or "", address.port, timeout=SECONDS
    )
    try:
        connection.request(
            "GET", "/?query=SELECT+1", headers={"Authorization": f"Basic {token}"}
        )
        answer = connection.getresponse()
        answer.read()
        return State.ANSWERS if answer.status == 200 else State.GONE
    except TimeoutError:
        return State.SILENT
    except (OSError, http.client.HTTPException):
        return State.GONE
    finally:
        connection.close()
