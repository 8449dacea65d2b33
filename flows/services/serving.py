"""What every server here does: listen, answer, and stop when it is told to."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from panelstream.models.errors import Unreachable

_QUEUE = 128


class Server(uvicorn.Server):
    """A server that ends when its caller stops it, not by the signal itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers as they are."""
        yield

    def stop(self) -> None:
        """Take no more requests, finish those that run."""
        self.should_exit = True


def stoppable(config: uvicorn.Config) -> Server:
    """A server that stops at SIGTERM or SIGINT; made inside the event loop."""
    server = Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.stop)
    return server


def listen(host: str, port: int, remedy: str) -> socket.socket:
    """Listen on an address. Raises `Unreachable` with a remedy if that fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only on a socket that says it is TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Unreachable(
            f"cannot listen on port {port} of {host} ({error.strerror}); {remedy}"
        ) from None
    listening.listen(_QUEUE)
    return listening
