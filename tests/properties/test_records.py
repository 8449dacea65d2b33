"""Whatever a Kafka record holds: no exception, counts that add up, no value anywhere."""

import json
import logging
import os
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panelstream.flows.workspace import Workspace
from panelstream.ingest.events import splitting
from panelstream.ingest.kafka import records
from panelstream.models.warehouse.store import Store
from tests.lib import intake, studies
from tests.lib.intake import CANARY, Record

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.just(CANARY),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
plain = studies.event("reaction_given", "ann", studies.START)
attributes = st.dictionaries(
    st.sampled_from([*plain, "schemaversion", "senttime", "datacontenttype", CANARY]),
    values,
    max_size=3,
)
events = attributes.map(lambda changes: json.dumps({**plain, **changes}).encode())
batches = st.lists(events | st.just(b"[]") | st.just(b"7"), max_size=4).map(
    lambda parts: b"[" + b",\n ".join(parts) + b"]"
)
torn = batches.map(lambda text: text[: len(text) // 2])
noise = st.binary(max_size=200).map(lambda some: some + CANARY.encode())
kinds = st.sampled_from(
    [b"application/cloudevents+json", b"application/cloudevents-batch+json", b"x", None]
)


contents = st.tuples(st.none() | noise | events | batches | torn, kinds)


usual = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=int(os.environ.get("PANELSTREAM_EXAMPLES", "40")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@usual
@given(st.lists(contents, max_size=6))
def test_any_record(
    workspace: Callable[..., Workspace],
    store: Store,
    contents: list[tuple[bytes | None, bytes | None]],
) -> None:
    """No exception; each event has one fate; no value in log, error or dead letters."""
    studies.empty(store)
    intake.check_records(workspace().pipeline, store, with_headers(contents))


def test_a_log_is_listened_to() -> None:
    """What another module logs, at any level, with its exception, is heard."""
    with intake.listening() as said:
        try:
            raise ValueError(CANARY)
        except ValueError:
            logging.getLogger("somebody").debug("went wrong", exc_info=True)
    assert CANARY in said.getvalue()


def with_headers(
    contents: list[tuple[bytes | None, bytes | None]],
) -> list[Record]:
    """Records of one partition: values and their content types."""
    return [
        Record(offset, value, (("content-type", kind),) if kind else ())
        for offset, (value, kind) in enumerate(contents)
    ]


@usual
@given(st.lists(contents, max_size=6))
def test_dead_letters_hold_their_own_bytes(
    contents: list[tuple[bytes | None, bytes | None]],
) -> None:
    """The event at a line's position is that line, but for line ends."""
    event = with_headers(contents)
    raw = records.raw_events("t", event)
    for row, line in enumerate(raw.payload.split(b"\n") if raw.payload else ()):
        place = raw.position(row)
        value = event[place.line].value
        assert value is not None
        original = splitting.events_at(value, [place.index])[place.index]
        blanks = bytes.maketrans(b"\n\0", b"  ")
        assert original.translate(blanks) == line.translate(blanks)


@usual
@given(st.lists(st.tuples(st.text(max_size=30), st.none() | st.binary(max_size=30))))
def test_headers_of_strangers(headers: list[tuple[str, bytes | None]]) -> None:
    """Whatever headers a record has, looking for ours never fails."""
    records.buried_at(headers)
    assert records.foreign(headers) == [
        header for header in headers if not header[0].startswith(records.OURS)
    ]
