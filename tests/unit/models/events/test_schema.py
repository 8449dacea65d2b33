"""JSON Schema and AsyncAPI say of events what the decoder does."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from panelstream.ingest.events.strict_decoder import MAX_ID_LENGTH, Decoder
from panelstream.models.events import catalogue, schema
from panelstream.models.events.event import Event, Position

NOW = datetime(2027, 6, 1, tzinfo=UTC)
U2PLUS = catalogue.find_catalogue("u2plus", Path())
DECODER = Decoder(U2PLUS, NOW)
VALIDATOR = Draft202012Validator(schema.catalogue_schema(U2PLUS))
REACTION = {
    "specversion": "1.0",
    "id": "e1",
    "source": "u2plus",
    "type": "u2plus.reaction_given",
    "time": "2027-01-12T21:30:55.903+09:00",
    "subject": "ann",
    "data": {"kind": "like", "target": "story"},
}
SIGNED_IN = {**REACTION, "type": "u2plus.signed_in", "data": None}
HEARTBEAT = {
    **REACTION,
    "type": "study.heartbeat",
    "time": "2027-01-13T00:00:00Z",
    "data": {
        "functions": ["story"],
        "from": "2027-01-12T00:00:00Z",
        "to": "2027-01-12T21:30:56Z",
    },
}

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, "", "a", "a@b", "like", "story", "u2plus.web", "x" * 256, "x" * 257),
        *(0, 1, 2, True, 1.5, [], ["story"], ["A b"], {}, {"kind": None}, {"x": None}),
        *(
            {"x": 1},
            "Application/JSON; charset=utf-8",
            "text/json",
            "application/x+json",
        ),
        *("2027-01-12 21:30:55z", "2027-01-12T21:30:55", "2027-01-12T21:30:55+0900"),
    ]
)


def takes(event: Any) -> bool:
    """Whether the decoder takes an event."""
    [outcome] = DECODER.decode(json.dumps(event).encode(), Position("f", 1))
    return isinstance(outcome, Event)


@given(
    st.sampled_from([REACTION, SIGNED_IN, HEARTBEAT]),
    st.dictionaries(
        st.sampled_from(
            [
                *REACTION,
                *("senttime", "schemaversion", "datacontenttype", "dataschema"),
                *("data_base64", "more", "moreThan"),
            ]
        ),
        ODD,
        max_size=2,
    ),
    st.dictionaries(st.sampled_from(["kind", "target", "from", "x"]), ODD, max_size=2),
)
def test_the_same_events(
    base: dict[str, Any], changed: dict[str, Any], data: dict[str, Any]
) -> None:
    """Good events, changed in odd ways, are valid exactly when the decoder takes them."""
    event = {**base, **changed}
    if data and isinstance(event["data"], dict):
        event["data"] = {**event["data"], **data}
    assert VALIDATOR.is_valid(event) == takes(event)


@pytest.mark.parametrize("field", REACTION)
def test_what_is_left_out(field: str) -> None:
    """Every attribute that is needed is required."""
    event = {name: value for name, value in REACTION.items() if name != field}
    assert not VALIDATOR.is_valid(event)
    assert not takes(event)


def test_it_is_a_schema() -> None:
    """Valid by its own dialect, with limits that are the decoder's."""
    Draft202012Validator.check_schema(schema.catalogue_schema(U2PLUS))
    assert schema.LONGEST == MAX_ID_LENGTH
    for name in U2PLUS.types:
        Draft202012Validator.check_schema(schema.event_schema(U2PLUS, name))


def test_asyncapi() -> None:
    """Every type is a message of both channels, and every reference leads somewhere."""
    document = schema.asyncapi_document(U2PLUS, "t.events")
    assert document["channels"]["kafka"]["address"] == "t.events"
    messages = document["components"]["messages"]
    assert [value["name"] for value in messages.values()] == list(U2PLUS.types)
    for channel in document["channels"].values():
        assert channel["messages"] == {
            name: {"$ref": f"#/components/messages/{name}"} for name in messages
        }
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].rpartition("/")[2] in document["channels"]
