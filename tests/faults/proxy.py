"""A TCP proxy in front of the warehouse that can refuse, and can lose answers.

It signs in for the workers as well: they know a warehouse by one address and password,
as they know a server, while the real one makes a new password each time it starts.
"""

import asyncio
import base64
import re
import threading
from enum import Enum

HOST = "127.0.0.1"
USER, PASSWORD = "panelstream", "x" * 32
_PIECE = 1 << 16
_HEAD = 2_000
_INSERT = re.compile(rb"INSERT(?:\+|%20| )INTO", re.IGNORECASE)
_REFUSAL = b"Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)\n"
_ANSWER = (
    b"HTTP/1.1 500 Internal Server Error\r\nX-ClickHouse-Exception-Code: 252\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s"
) % (len(_REFUSAL), _REFUSAL)


class Mode(Enum):
    """How the proxy behaves."""

    PASS = "passes everything"
    REFUSE_INSERTS = "answers each insert with an error, unread"
    LOSE_ANSWERS = "lets inserts through, and cuts the line before their answer"
    CUT = "takes no connection"


class Proxy:
    """Serves in a thread of its own until it is closed."""

    def __init__(self) -> None:
        self.mode = Mode.PASS
        self._target, self._token = 0, b""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        started = asyncio.start_server(self._serve, HOST, 0)
        self._server = asyncio.run_coroutine_threadsafe(started, self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def dsn(self) -> str:
        """What workers know the warehouse by."""
        return f"http://{USER}:{PASSWORD}@{HOST}:{self.port}/default"

    def lead_to(self, port: int, user: str, password: str) -> None:
        """Where the warehouse is now, and how to sign in there."""
        self._target, self._token = port, _token(user, password)

    def close(self) -> None:
        """End every connection."""
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(60)
        self._loop.close()

    def _end(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_later(0.2, self._loop.stop)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        line = _Line(self, reader, writer)
        try:
            if self.mode is not Mode.CUT:
                await line.run(self._target)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    def sign_in(self, piece: bytes) -> bytes:
        """Put the real password in the place of the known one; both are as long."""
        return piece.replace(_token(USER, PASSWORD), self._token)


class _Line:
    """One connection of a worker, and ours to the warehouse."""

    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.inserting = False

    async def run(self, port: int) -> None:
        """Forward both ways until one side ends, or we do."""
        reader, writer = await asyncio.open_connection(HOST, port)
        ways = [
            asyncio.ensure_future(self.ask(writer)),
            asyncio.ensure_future(self.answer(reader)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()

    async def ask(self, writer: asyncio.StreamWriter) -> None:
        while piece := await self.reader.read(_PIECE):
            if piece.startswith((b"POST", b"GET")):
                self.inserting = bool(_INSERT.search(piece, 0, _HEAD))
            if self.inserting and self.proxy.mode is Mode.REFUSE_INSERTS:
                self.writer.write(_ANSWER)
                await self.writer.drain()
                self.writer.write_eof()
                await self.rest()
                return
            writer.write(self.proxy.sign_in(piece))
            await writer.drain()

    async def rest(self) -> None:
        """Read what a refused insert still sends, so that its client hears us out."""
        while await self.reader.read(_PIECE):
            pass

    async def answer(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(_PIECE):
            if self.inserting and self.proxy.mode is Mode.LOSE_ANSWERS:
                return
            self.writer.write(piece)
            await self.writer.drain()


def _token(user: str, password: str) -> bytes:
    return base64.b64encode(f"{user}:{password}".encode())
