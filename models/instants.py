"""Instants as RFC 3339 writes them."""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)"
)


def parse_instant(text: str) -> datetime | None:
    """The instant in UTC, cut to microseconds; None for anything else."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, offset = match.groups()
    micros = (fraction or "0")[:6].ljust(6, "0")
    try:
        local = datetime.fromisoformat(f"{day}T{clock}.{micros}{offset.upper()}")
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
