"""What can go wrong, and how the platform is told: in counts and words, never values."""

from __future__ import annotations

from dataclasses import dataclass


class Misconfigured(ValueError):
    """An emitter that could not work as it was set up; says what to change."""


class InvalidEvent(ValueError):
    """An event that would be rejected; names the field and the rule, not the value."""


class Dropped(Exception):
    """An event that is not taken now, and why: nothing is wrong with it, try later."""


@dataclass(frozen=True)
class Trouble:
    """Something that went wrong, and with how many events.

    `what` is `dropped` (`emit()` returned None), `lost` (it had returned an id),
    `rejected` (the collector's answer; the event was moved aside) or `waiting` (it
    cannot be sent now and stays in the spool; `events` is 0).
    """

    what: str
    why: str
    events: int
