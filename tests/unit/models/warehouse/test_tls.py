"""The scheme of a server's DSN alone says whether TLS is spoken, whatever the port."""

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from panelstream.models.errors import Unreachable
from panelstream.models.warehouse.store import open_store
from tests.lib.certificates import Authority

HANDSHAKE = b"\x16"
"""The first byte of TLS: a handshake record (RFC 8446, 5.1)."""


@contextmanager
def listening(
    host: str = "127.0.0.1", port: int = 0
) -> Iterator[tuple[int, Callable[[], bytes]]]:
    """Listens, takes what the first client sends, and hangs up on all."""
    received: list[bytes] = []
    with socket.create_server((host, port)) as server:

        def take() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    received.append(connection.recv(65536))

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield server.getsockname()[1], lambda: received[0]


def refusal(dsn: str) -> str:
    """What is said of a server that hangs up."""
    with pytest.raises(Unreachable) as caught:
        open_store(dsn, writing=True)
    return str(caught.value)


def test_https_never_speaks_plain_http() -> None:
    """On a port that is not 443 or 8443: a handshake, and no password on the line."""
    with listening() as (port, first):
        line = refusal(f"https://user:secret@127.0.0.1:{port}/study")
    assert first().startswith(HANDSHAKE)
    assert b"HTTP" not in first()
    assert f"127.0.0.1:{port}/study" in line
    assert "secret" not in line


def test_http_never_speaks_tls() -> None:
    """Not even on the port that the driver takes for one of TLS."""
    with listening("127.0.0.2", 8443) as (_, first):
        refusal("http://user@127.0.0.2:8443")
    assert first().startswith((b"GET ", b"POST "))


def test_https_to_a_server_with_tls(tmp_path: Path) -> None:
    """The requests arrive in TLS; the certificate is checked against the authority."""
    authority = Authority.make(tmp_path)
    certificate, key = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            self.send_error(403)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"https://user:secret@127.0.0.1:{server.server_address[1]}"
        assert "is not trusted; name its authority" in refusal(address)
        assert paths == []
        refusal(f"{address}?ca_cert={authority.certificate}")
        assert paths
        server.shutdown()
