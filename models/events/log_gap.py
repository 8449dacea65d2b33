"""How far a log was read, and gaps of it: records that were gone before that."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

GapReason = Literal["retention", "topic_recreated", "log_lost"]
"""Deleted unread; another topic of the same name; the broker lost what it had."""

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Where no record before the gap is known."""


@dataclass(frozen=True)
class LogGap:
    """Offsets that no worker can read, and the time whose events they may have held.

    `until_offset` is `from_offset` where the number of lost records cannot be known;
    the time is half-open.
    """

    topic: str
    partition: int
    from_offset: int
    until_offset: int
    unknown_from: datetime
    unknown_until: datetime
    reason: GapReason


@dataclass(frozen=True)
class ReadPosition:
    """How far a partition was read; `last_time` is that of the last record, if any."""

    topic: str
    partition: int
    topic_id: str
    next_offset: int
    last_time: datetime | None
