"""Asking a real Prefect server what it has."""

import json
import urllib.request
from typing import Any


def ask(api: str, collection: str) -> list[dict[str, Any]]:
    """All objects of one kind that a server has; none while it does not answer."""
    request = urllib.request.Request(
        f"{api}/{collection}/filter", b"{}", {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            objects: list[dict[str, Any]] = json.load(reply)
            return objects
    except OSError:
        return []
