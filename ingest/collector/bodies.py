"""Bodies, read within bounds of size, memory and time; gzip is unpacked."""

import zlib

import anyio
from starlette.requests import Request

from panelstream.ingest.collector.admission import Reservation
from panelstream.ingest.collector.problems import Problem
from panelstream.models.settings.collector import Limits

_GZIP = 31
"""zlib's word for gzip with its header and checksum, nothing else."""
_MEMBERS = 16
"""Of a gzipped body. Senders make one; each costs a copy of all that follow it."""


async def read(request: Request, limits: Limits, reservation: Reservation) -> bytes:
    """The body as it was sent.

    Raises a problem: 408 if it takes too long, 413 if it is too large, 503 if memory
    is used up; starlette's `ClientDisconnect` if the client leaves.
    """
    _refuse_declared(request, limits)
    pieces: list[bytes] = []
    try:
        with anyio.fail_after(limits.body_seconds):
            async for piece in request.stream():
                reservation.take(len(piece))
                pieces.append(piece)
                if reservation.size > limits.body:
                    raise _too_large(limits)
    except TimeoutError:
        detail = f"The body took longer than {limits.body_seconds:.0f} seconds."
        raise Problem(408, detail, {"Connection": "close"}) from None
    return b"".join(pieces)


def encoding(request: Request) -> str:
    """How the body is encoded: gzip, or nothing. Raises a problem, 415, otherwise."""
    name = request.headers.get("content-encoding", "").strip().lower()
    if name not in ("", "identity", "gzip"):
        detail = "Content-Encoding may be gzip, or absent."
        raise Problem(415, detail, {"Accept-Encoding": "gzip"})
    return name if name == "gzip" else ""


def unpacked(body: bytes, limits: Limits) -> bytes:
    """The content of a gzipped body, which may have several members.

    Raises a problem: 400 if it is damaged or cut off, 413 if the content is too large;
    no more than that is ever unpacked.
    """
    pieces: list[bytes] = []
    remaining = limits.content
    while body:
        if len(pieces) == _MEMBERS:
            raise Problem(400, f"The body has more than {_MEMBERS} gzip members.")
        member = zlib.decompressobj(_GZIP)
        try:
            piece = member.decompress(body, remaining + 1)
        except zlib.error:
            raise Problem(400, "The body is not whole gzip.") from None
        remaining -= len(piece)
        if remaining < 0:
            detail = f"The body may hold {limits.content:,} bytes when unpacked."
            raise Problem(413, detail)
        if not member.eof:
            raise Problem(400, "The body is not whole gzip.")
        pieces.append(piece)
        body = member.unused_data
    return b"".join(pieces)


def _refuse_declared(request: Request, limits: Limits) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limits.body:
        raise _too_large(limits)


def _too_large(limits: Limits) -> Problem:
    return Problem(413, f"A body may have {limits.body:,} bytes: send fewer events.")
