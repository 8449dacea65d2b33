"""Clock corrections: what a shift says, and what time is made of another."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from panelstream.ingest.events.pipeline import RawEvents, decode_batch
from panelstream.models.events.catalogue import (
    Catalogue,
    Questionnaires,
    find_catalogue,
)
from panelstream.models.events.clocks import ClockCorrection, Clocks
from tests.lib import intake, studies

BOUNDS = {"from": "2027-01-05T00:00+09:00", "until": "2027-01-06T00:00+09:00"}


def correction(shift: str, source: str = "u2plus.app") -> ClockCorrection:
    """A correction of 5 January in Tokyo: from 15:00 UTC on the 4th."""
    return ClockCorrection.model_validate({**BOUNDS, "source": source, "shift": shift})


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant in January 2027, in UTC."""
    return datetime(2027, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("+1h", timedelta(hours=1)),
        ("-9h", timedelta(hours=-9)),
        ("+90s", timedelta(seconds=90)),
        ("-1d12h", timedelta(hours=-36)),
        ("+1h30m5s", timedelta(seconds=5405)),
    ],
)
def test_a_shift(text: str, shift: timedelta) -> None:
    """A sign, then numbers with units, as people write them."""
    assert correction(text).shift == shift


@pytest.mark.parametrize(
    ("text", "normal"), [("+90m", "+1h30m"), ("-86400s", "-1d"), ("+26h", "+1d2h")]
)
def test_a_shift_in_words(text: str, normal: str) -> None:
    """However it was written, it is shown in the largest units."""
    assert correction(text).shift_text == normal


@pytest.mark.parametrize(
    ("day", "hour", "source", "moved"),
    [
        (4, 14, "u2plus.app", 0),
        (4, 15, "u2plus.app", 2),
        (5, 14, "u2plus.app", 2),
        (5, 15, "u2plus.app", 0),
        (5, 14, "u2plus", -1),
        (5, 14, "u2plus.web", 0),
    ],
)
def test_a_corrected_instant(day: int, hour: int, source: str, moved: int) -> None:
    """`from` is part of the time, `until` is not; each source has its own shift."""
    clocks = Clocks((correction("+2h"), correction("-1h", "u2plus")))
    expected = at(day, hour) + timedelta(hours=moved)
    assert clocks.correct(source, at(day, hour)) == expected
    times = pa.array([at(day, hour), None], pa.timestamp("us", "UTC"))
    corrected = clocks.correct_columns(pa.array([source, source]), times)
    assert corrected.to_pylist() == [expected, None]


@pytest.mark.parametrize(
    ("shift", "start", "end", "parts"),
    [
        ("+1h", at(4, 10), at(4, 15), [(at(4, 10), at(4, 15))]),
        ("+1h", at(4, 15), at(5, 15), [(at(4, 16), at(5, 16))]),
        ("-1h", at(5, 10), at(5, 14), [(at(5, 9), at(5, 13))]),
        (
            "-1h",
            at(4, 0),
            at(6, 0),
            [(at(4, 0), at(4, 15)), (at(4, 14), at(5, 14)), (at(5, 15), at(6, 0))],
        ),
        ("+1h", at(5, 14), at(5, 16), [(at(5, 15), at(5, 16)), (at(5, 15), at(5, 16))]),
    ],
)
def test_a_corrected_span(
    shift: str, start: datetime, end: datetime, parts: list[tuple[datetime, datetime]]
) -> None:
    """A heartbeat moves with the clock; over a border its parts do, each by itself."""
    clocks = Clocks((correction(shift),))
    assert list(clocks.correct_span("u2plus.app", start, end)) == parts
    assert list(clocks.correct_span("u2plus", start, end)) == [(start, end)]


@pytest.mark.parametrize(
    ("shift", "received_on", "accepted", "rejected"),
    [
        ("-36h", 3, at(5, 11), at(5, 13)),
        ("-36h", 3, at(3, 11), at(6, 11)),
        ("+36h", 5, at(4, 11), at(4, 16)),
    ],
)
def test_what_is_in_the_future(
    shift: str, received_on: int, accepted: datetime, rejected: datetime
) -> None:
    """Both decoders judge the corrected time, and the recorded one is stored.

    Times are taken until 24 hours after the arrival, which is at midnight.
    """
    u2plus = in_study(Clocks((correction(shift),)))
    events = [
        studies.event("signed_in", "aki", time, source="u2plus.app")
        for time in (accepted, rejected)
    ]
    lines = [json.dumps(event).encode() for event in events]
    intake.check_chunk(lines, u2plus, at(received_on, 0))
    raw = RawEvents("f", 1, b"\n".join(lines))
    decoded = decode_batch(raw, u2plus, at(received_on, 0))
    assert decoded.events["occurred_at"].to_pylist() == [accepted]
    [letter] = decoded.rejections
    assert (letter.reason, letter.position.line) == ("time_in_future", 2)


def in_study(clocks: Clocks) -> Catalogue:
    """The shipped catalogue in a study that corrects clocks."""
    return find_catalogue("u2plus", Path()).in_study(Questionnaires(), clocks)
