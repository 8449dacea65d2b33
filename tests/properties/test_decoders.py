"""The column decoder and the strict one agree, whatever a chunk holds."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from panelstream.ingest.events.column_decoder import ColumnDecoder
from panelstream.ingest.events.pipeline import RawEvents, decode_batch
from panelstream.models.events import catalogue
from tests.lib import intake
from tests.lib.intake import CANARY

RECEIVED_AT = datetime(2026, 6, 1, tzinfo=UTC)
FOLDER = Path(__file__).parents[2] / "examples" / "lifesnaps"
CATALOGUE = catalogue.find_catalogue("catalogue.yaml", FOLDER)

usual = settings(
    derandomize=True,
    deadline=None,
    max_examples=int(os.environ.get("PANELSTREAM_EXAMPLES", "60")),
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["", "1.0", "happy", "walk", "2026-01-01T00:00:00Z", CANARY]),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner)
    ),
    max_leaves=4,
)
data_fields = st.dictionaries(
    st.sampled_from(["steps", "minutes", "mood", "badge", "group", "functions", "x"]),
    values,
    max_size=3,
)
plain_data = {
    "lifesnaps.day_worn": st.fixed_dictionaries({"steps": st.integers(0, 10**6)}),
    "lifesnaps.mood_reported": st.fixed_dictionaries(
        {"mood": st.sampled_from(["happy", "sad"])}
    ),
    "lifesnaps.badge_earned": st.fixed_dictionaries({"badge": st.just("steps_10k")}),
    "lifesnaps.mindfulness_done": st.just({}),
    "study.enrolled": st.one_of(st.just({}), st.just({"group": "a"})),
}


@st.composite
def plain_events(draw: DrawFn) -> dict[str, Any]:
    """An event that nothing is wrong with."""
    kind = draw(st.sampled_from(sorted(plain_data)))
    return {
        "specversion": "1.0",
        "id": draw(st.text("abc123", min_size=1, max_size=6)),
        "source": "lifesnaps",
        "type": kind,
        "time": draw(
            st.datetimes(datetime(2021, 1, 1), datetime(2026, 6, 3)).map(  # noqa: DTZ001 - the Z is written
                lambda at: at.isoformat() + "Z"
            )
        ),
        "subject": draw(st.sampled_from(["p01", "p02", "利用者"])),
        "data": draw(plain_data[kind]),
    }


@st.composite
def spoilt_events(draw: DrawFn) -> dict[str, Any]:
    """A plain event with some attribute replaced, removed or added."""
    event = draw(plain_events())
    name = draw(
        st.sampled_from([*event, "schemaversion", "senttime", "datacontenttype", "ext"])
    )
    if name in event and draw(st.booleans()):
        del event[name]
    else:
        event[name] = draw(data_fields if name == "data" else values)
    return event


lines = st.one_of(
    plain_events().map(lambda value: json.dumps(value).encode()),
    spoilt_events().map(lambda value: json.dumps(value).encode()),
    st.lists(spoilt_events(), max_size=2).map(lambda many: json.dumps(many).encode()),
    st.binary(max_size=30).map(lambda some: some.replace(b"\n", b"")),
    plain_events().map(lambda value: json.dumps(value, indent=0).encode()[:40]),
    plain_events().map(lambda value: (json.dumps(value) * 2).encode()),
    plain_events().map(lambda value: json.dumps(value).encode() + b"\r"),
    st.just(b""),
).map(lambda line: line.replace(b"\n", b" "))


@usual
@given(st.lists(lines, min_size=1, max_size=12))
def test_chunk_gives_what_its_lines_give(chunk: list[bytes]) -> None:
    """A chunk decodes to the events and rejections of its lines, one by one."""
    intake.check_chunk(chunk, CATALOGUE, RECEIVED_AT)


@usual
@given(st.lists(plain_events(), min_size=1, max_size=12))
def test_plain_chunks_are_decoded_by_columns(events: list[dict[str, Any]]) -> None:
    """Events that nothing is wrong with are left to the strict decoder only if late."""
    chunk = "\n".join(json.dumps(event) for event in events).encode()
    columns = ColumnDecoder(CATALOGUE, RECEIVED_AT).decode(chunk)
    future = [event for event in events if event["time"] > "2026-06-02T00:00:00Z"]
    assert len(columns.strict_rows) == len(future)


@usual
@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(payload: bytes) -> None:
    """Whatever the bytes are, every line that is not blank has an outcome."""
    decoded = decode_batch(RawEvents("f", 1, payload), CATALOGUE, RECEIVED_AT)
    outcomes = decoded.events.num_rows + len(decoded.rejections)
    written = [line for line in payload.split(b"\n") if line.strip()]
    batches = [line for line in written if line.lstrip()[:1] == b"["]
    assert outcomes >= len(written) - len(batches)


@usual
@given(st.lists(spoilt_events(), min_size=1, max_size=6))
def test_rejections_carry_no_value(events: list[dict[str, Any]]) -> None:
    """A value planted in an event never stands in its rejection."""
    for event in events:
        event["data"] = {CANARY: CANARY}
    chunk = "\n".join(json.dumps(entry) for entry in events).encode()
    decoded = decode_batch(RawEvents("f", 1, chunk), CATALOGUE, RECEIVED_AT)
    assert CANARY not in repr(decoded.rejections)
