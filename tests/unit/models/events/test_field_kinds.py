"""Kinds of field: every part of the program takes, refuses and stores the same values.

`SAMPLES` is written by hand, a row a kind. A kind without a row fails each test here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from panelstream.ingest.events.column_decoder import ColumnDecoder
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.events.field_kinds import KINDS, ColumnarKind, FieldRule
from panelstream.models.warehouse import views
from panelstream.models.warehouse.store import Store
from tests.lib import intake

RECEIVED_AT = datetime(2027, 6, 1, tzinfo=UTC)
EVENT = {
    "specversion": "1.0",
    "source": "forum",
    "type": "forum.posted",
    "time": "2027-05-01T09:00:00Z",
    "subject": "aki",
}


@dataclass(frozen=True)
class Samples:
    """Values that a rule of one kind takes and refuses, and one as a view shows it."""

    accepted: tuple[Any, ...]
    rejected: tuple[Any, ...]
    stored: Any
    """A value that is accepted ..."""
    column: Any
    """... and what a reader of a view gets of it."""
    rule: Mapping[str, Any] = with_default(default_factory=dict)


SAMPLES = {
    "one_of": Samples(
        accepted=("a", "b c"),
        rejected=("c", "", "A", 1, True, ["a"]),
        stored="b c",
        column="b c",
        rule={"choices": ("a", "b c")},
    ),
    "integer": Samples(
        accepted=(1, 3, 2**53),
        rejected=(0, -5, 2**53 + 1, 2**70, 1.5, "1", True),
        stored=2**53,
        column=2**53,
        rule={"low": 1},
    ),
    "boolean": Samples(
        accepted=(True, False), rejected=(0, 1, "true"), stored=False, column=False
    ),
    "slug": Samples(
        accepted=("a", "a-b_c.d", "0", "a" * 64),
        rejected=("", "A", "a b", "-a", "a" * 65, "a\n", 1),
        stored="a-b_c.d",
        column="a-b_c.d",
    ),
    "slugs": Samples(
        accepted=([], ["a", "b"]),
        rejected=("a", ["A"], ["a", 1], {"a": 1}),
        stored=["a", "b"],
        column=["a", "b"],
    ),
    "instant": Samples(
        accepted=("2027-01-01T00:00:00Z", "2027-01-01T00:00:00.5+09:00"),
        rejected=("2027-01-01", "2027-01-01T00:00:00", "now", 0),
        stored="2027-02-01T09:00:00.5+09:00",
        column=datetime(2027, 2, 1, 0, 0, 0, 500_000, tzinfo=UTC),
    ),
    "answers": Samples(
        accepted=({"calm": 3}, {"calm": None}),
        rejected=({}, [], "calm", 3),
        stored={"calm": 3},
        column='{"calm":3}',
    ),
}
ANY_VALUE = st.one_of(
    st.sampled_from(
        [
            value
            for entry in SAMPLES.values()
            for value in (*entry.accepted, *entry.rejected)
        ]
    ),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)


def rule(kind: str, required: bool = True) -> FieldRule:
    """The rule of a field of that kind."""
    return FieldRule(kind=kind, required=required, **SAMPLES[kind].rule)


def catalogue(kind: str, required: bool) -> Catalogue:
    """A platform with one type of event, which has one field."""
    field = rule(kind, required).model_dump()
    return Catalogue.model_validate(
        {
            "catalogue": "forum",
            "namespace": "forum",
            "sources": ["forum"],
            "functions": [],
            "types": {"forum.posted": {"data": {"field": field}}},
        }
    )


def lines(values: list[Any]) -> list[bytes]:
    """An event for each value; an event without data for None."""
    events = [
        {**EVENT, "id": f"e{number}", "data": {"field": value}}
        for number, value in enumerate(values)
    ]
    return [json.dumps(event).encode() for event in events]


OF_PLATFORMS = [name for name, kind in KINDS.items() if not kind.study_events_only]
COLUMNAR = [name for name, kind in KINDS.items() if isinstance(kind, ColumnarKind)]


@pytest.mark.parametrize("kind", KINDS)
def test_values(kind: str) -> None:
    """What a field takes is closed: no sentence fits anywhere, and null is no value."""
    samples = SAMPLES[kind]
    assert [v for v in samples.accepted if not rule(kind).accepts(v)] == []
    refused = (*samples.rejected, None, "two words.", object())
    assert [v for v in refused if rule(kind).accepts(v)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_json_schema(kind: str) -> None:
    """The schema takes the same samples, except that a pattern knows no calendar."""
    schema = KINDS[kind].json_schema(rule(kind))
    Draft202012Validator.check_schema(schema)
    validator, samples = Draft202012Validator(schema), SAMPLES[kind]
    assert [v for v in samples.accepted if not validator.is_valid(v)] == []
    refused = [v for v in (*samples.rejected, None) if v != "a\n"]
    assert [v for v in refused if validator.is_valid(v)] == []


@pytest.mark.parametrize("required", [True, False], ids=["required", "optional"])
@pytest.mark.parametrize("kind", OF_PLATFORMS)
@settings(
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_both_decoders_agree(kind: str, required: bool, data: st.DataObject) -> None:
    """Any values, of this kind and of others: both give the same events, byte by byte."""
    own = st.sampled_from((*SAMPLES[kind].accepted, *SAMPLES[kind].rejected))
    values = data.draw(st.lists(st.none() | own | ANY_VALUE, min_size=1, max_size=8))
    intake.check_chunk(lines(values), catalogue(kind, required), RECEIVED_AT)


@pytest.mark.parametrize("kind", COLUMNAR)
def test_columnar_kinds_are_decoded_by_columns(kind: str) -> None:
    """No valid event of such a kind is left to the strict decoder."""
    chunk = b"\n".join(lines(list(SAMPLES[kind].accepted)))
    decoder = ColumnDecoder(catalogue(kind, required=True), RECEIVED_AT)
    decoded = decoder.decode(chunk)
    assert decoded.strict_rows.tolist() == []
    assert decoded.events.num_rows == len(SAMPLES[kind].accepted)


@pytest.mark.parametrize("always", [True, False], ids=["always", "sometimes"])
@pytest.mark.parametrize("kind", KINDS)
def test_column_of_a_view(kind: str, always: bool, store: Store) -> None:
    """The engine gives the value of the event; null, or an empty list, without one."""
    column = views.field_column("field", [rule(kind)], always)
    assert KINDS[kind].description in column.comment
    texts = [json.dumps({"field": SAMPLES[kind].stored}, separators=(",", ":")), "{}"]
    values = [
        store._client.query_arrow(
            f"select cast({column.value} as {column.type}) as value"  # noqa: S608 - our own SQL
            " from (select {data:String} as data)",
            parameters={"data": text},
            use_strings=True,
        ).to_pylist()[0]["value"]
        for text in texts[: 1 if always else 2]
    ]
    absent: list[object] = [] if always else [None if KINDS[kind].nullable else []]
    assert values == [SAMPLES[kind].column, *absent]


def test_unknown_kind() -> None:
    """The names that there are stand in the error."""
    with pytest.raises(ValueError, match=r"'one_of', .* or 'answers'"):
        FieldRule(kind="oneof")


def test_every_kind_has_samples() -> None:
    """A new kind joins the table above."""
    assert list(SAMPLES) == list(KINDS)
