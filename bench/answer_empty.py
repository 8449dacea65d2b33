"""The collector's framework and server, reading a body and answering an empty 202."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def post(request: Request) -> Response:
    """Read what was sent and do nothing with it."""
    await request.body()
    return Response(status_code=202)


async def ready(request: Request) -> Response:
    """Say that it answers."""
    return Response()


if __name__ == "__main__":
    routes = [Route("/events", post, methods=["POST"]), Route("/ready", ready)]
    uvicorn.run(
        Starlette(routes=routes),
        port=int(sys.argv[1]),
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
    )
