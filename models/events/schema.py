"""What a platform may send, for its engineers' tools: JSON Schema and AsyncAPI.

Every event that the strict decoder takes is valid by its schema. A schema cannot say
all rules: that a time exists and is not in the future, that a period ends after it
begins (but for the emitter, which reads `x-period`), that 1.0 is no Integer, which
charset JSON has, and what a study's instruments ask.
"""

from panelstream.models.events.catalogue import HEARTBEAT, Catalogue, EventType
from panelstream.models.events.field_kinds import (
    INSTANT,
    KINDS,
    FieldRule,
    JsonSchema,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI = "3.0.0"
VISIBLE = r"\S"
LONGEST = 256
"""Characters of an id, a subject, a type."""

_NULL = {"type": "null"}
"""An attribute or a field that is null counts as absent."""
_EXTENSION = {
    "type": ["string", "boolean", "integer", "null"],
    "minimum": -(2**31),
    "maximum": 2**31 - 1,
}
"""What an extension attribute of CloudEvents may be; others have lower-case names."""


def event_schema(catalogue: Catalogue, name: str) -> JsonSchema:
    """The JSON Schema (2020-12) of one type of event."""
    rule = catalogue.types[name]
    needed = ["specversion", "id", "source", "type", "time"]
    properties: JsonSchema = {
        "specversion": {"const": "1.0"},
        "id": {**_text(), "pattern": "^[^@]*$", "description": "Unique in its source"},
        "source": {"enum": list(catalogue.sources)},
        "type": {"const": name},
        "time": {**_instant(), "description": "When the act took place"},
        "subject": _optional(_text()),
        "dataschema": _optional({"type": "string", "minLength": 1}),
        "datacontenttype": _optional({"type": "string", "pattern": _json_content()}),
        "schemaversion": {
            "enum": [*rule.versions, *([None] if 1 in rule.versions else [])]
        },
        "senttime": _optional(_instant()),
        "data": _data(rule),
    }
    if name == HEARTBEAT:
        _restrict_heartbeat(properties["data"], catalogue)
    if rule.subject is True:
        described = "The platform's user id; becomes a pseudonym at once"
        properties["subject"] = {
            **_text(),
            "pattern": VISIBLE,
            "description": described,
        }
        needed.append("subject")
    if any(field.required for field in rule.data.values()):
        needed.append("data")
    return {
        "title": name,
        "description": _described(rule),
        "type": "object",
        "required": needed,
        "properties": properties,
        "patternProperties": {"[^a-z0-9]": _NULL},
        "additionalProperties": _EXTENSION,
    }


def catalogue_schema(catalogue: Catalogue) -> JsonSchema:
    """The JSON Schema (2020-12) of every event; a type's own is under `$defs`."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:panelstream:catalogue:{catalogue.catalogue}",
        "title": f"Events of {catalogue.catalogue}",
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(catalogue.types)}},
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in catalogue.types],
        "$defs": {name: event_schema(catalogue, name) for name in catalogue.types},
    }


def asyncapi_document(catalogue: Catalogue, topic: str) -> JsonSchema:
    """The AsyncAPI 3.0 document: the topic of Kafka, the path of HTTP, every message."""
    names = {name: name.replace(".", "_") for name in catalogue.types}
    refs = {
        short: {"$ref": f"#/components/messages/{short}"} for short in names.values()
    }
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": f"Events of {catalogue.catalogue}",
            "version": "1",
            "description": "Usage events that panelstream takes, as CloudEvents 1.0.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": _channels(topic, refs),
        "operations": {
            "takeFromKafka": {
                "action": "receive",
                "channel": {"$ref": "#/channels/kafka"},
            },
            "takeByHttp": {
                "action": "receive",
                "channel": {"$ref": "#/channels/collector"},
                "bindings": {"http": {"method": "POST"}},
            },
        },
        "components": {
            "messages": {
                names[name]: _message(catalogue, name) for name in catalogue.types
            }
        },
    }


def _channels(topic: str, messages: JsonSchema) -> JsonSchema:
    return {
        "kafka": {
            "address": topic,
            "description": "A record holds one event or a JSON array of events.",
            "messages": messages,
        },
        "collector": {
            "address": "/events",
            "description": "One event, a JSON array of events, or NDJSON.",
            "messages": messages,
        },
    }


def _message(catalogue: Catalogue, name: str) -> JsonSchema:
    return {
        "name": name,
        "title": name,
        "contentType": "application/cloudevents+json",
        "payload": event_schema(catalogue, name),
    }


def _described(rule: EventType) -> str:
    if rule.withdraws:
        return f"Takes back the latest {rule.withdraws} with the same data"
    if rule.function:
        return f"Counts towards {rule.function}"
    return "Counts towards no function"


def _data(rule: EventType) -> JsonSchema:
    """Closed: a field that is not named here rejects the event, unless it is null."""
    needed = [name for name, field in rule.data.items() if field.required]
    shape: JsonSchema = {
        "type": "object",
        "required": needed,
        "properties": {name: _field(field) for name, field in rule.data.items()},
        "additionalProperties": _NULL,
    }
    return shape if needed else _optional(shape)


def _restrict_heartbeat(data: JsonSchema, catalogue: Catalogue) -> None:
    """What a heartbeat covers; `x-period` names the fields of start and end."""
    functions = data["properties"]["functions"]
    functions |= {"minItems": 1, "items": {"enum": list(catalogue.functions)}}
    data["x-period"] = ["from", "to"]


def _field(rule: FieldRule) -> JsonSchema:
    shape = KINDS[rule.kind].json_schema(rule)
    shape = shape if rule.required else _optional(shape)
    return {**shape, "description": rule.comment} if rule.comment else shape


def _optional(shape: JsonSchema) -> JsonSchema:
    """The same, or null."""
    enum = {"enum": [*shape["enum"], None]} if "enum" in shape else {}
    return {**shape, **enum, "type": [shape["type"], "null"]}


def _text() -> JsonSchema:
    return {"type": "string", "minLength": 1, "maxLength": LONGEST}


def _instant() -> JsonSchema:
    return {"type": "string", "format": "date-time", "pattern": INSTANT}


def _json_content() -> str:
    """The media types of JSON, in whatever case; JSON Schema has no flags."""
    application, json = (
        "".join(f"[{letter}{letter.upper()}]" for letter in word)
        for word in ("application", "json")
    )
    return rf"^{application}/([A-Za-z0-9.+-]+\+)?{json}[ \t]*(;.*)?$"
