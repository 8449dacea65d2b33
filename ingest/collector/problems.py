"""What goes wrong, as RFC 9457 problem documents; none quotes what was sent."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from random import randint
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer other than success: a status, what to do, and further members."""

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers, self.members = headers or {}, members

    def response(self) -> Response:
        """The document. Its type is about:blank: the status says what kind it is."""
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return Response(
            json.dumps(document), self.status, dict(self.headers), MEDIA_TYPE
        )


def later(status: int, detail: str, seconds: float) -> Problem:
    """A problem that ends by itself: the client should come again after so long.

    Up to half as long again, by chance, so that clients do not come back together.
    """
    least = max(1, ceil(seconds))
    wait = least + randint(0, ceil(least / 2))
    return Problem(status, detail, {"Retry-After": str(wait)})
