"""Events checked against the catalogue, as `panelstream catalogue schema` compiled it.

The part of JSON Schema 2020-12 that those files use, without a package: a keyword
that is not known here is refused when the files are read, never passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable

from panelstream_emitter.trouble import InvalidEvent, Misconfigured

_NOTES = {
    *("$schema", "$id", "$comment", "$defs", "title", "description", "examples"),
    *("default", "deprecated"),
}
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, (list, tuple)),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: (
        isinstance(value, (int, float)) and not isinstance(value, bool)
    ),
    "null": lambda value: value is None,
}
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
)
_Check = Callable[[Any, Any], bool]

_RULES: Mapping[str, _Check] = {
    "type": lambda rule, value: any(_TYPES[entry](value) for entry in _listed(rule)),
    "const": lambda rule, value: _same(rule, value),
    "enum": lambda rule, value: any(_same(entry, value) for entry in rule),
    "minimum": lambda rule, value: not _is("number", value) or value >= rule,
    "maximum": lambda rule, value: not _is("number", value) or value <= rule,
    "minLength": lambda rule, value: not _is("string", value) or len(value) >= rule,
    "maxLength": lambda rule, value: not _is("string", value) or len(value) <= rule,
    "minItems": lambda rule, value: not _is("array", value) or len(value) >= rule,
    "minProperties": lambda rule, value: not _is("object", value) or len(value) >= rule,
    "pattern": lambda rule, value: (
        not _is("string", value) or re.search(rule, value) is not None
    ),
    "format": lambda rule, value: (
        rule != "date-time" or not _is("string", value) or _is_instant(value)
    ),
    "x-period": lambda rule, value: (
        not _is("object", value) or _is_period(*map(value.get, rule))
    ),
}
"""Keywords that look at a value by itself."""

_NESTED = {
    *("properties", "patternProperties", "additionalProperties", "required"),
    *("propertyNames", "items", "not", "anyOf", "oneOf", "allOf", "$ref"),
}


class Schemas:
    """The schema of every type of event."""

    def __init__(self, by_type: Mapping[str, Any]) -> None:
        self._by_type = by_type

    @classmethod
    def read(cls, path: Path) -> Schemas:
        """Read a file, or all `*.json` of a folder; what is no event's is passed over.

        Raises `Misconfigured`.
        """
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        by_type: dict[str, Any] = {}
        for file in files:
            try:
                document = json.loads(file.read_text(encoding="utf-8"))
                name = _type_of(document)
                if name is not None:
                    _check_keywords(document)
                    by_type[name] = document
            except (OSError, ValueError) as error:
                raise Misconfigured(f"schema: {file}: {error}") from None
        if not by_type:
            raise Misconfigured(f"schema: {path} holds no schema of an event")
        return cls(by_type)

    def check(self, event: Mapping[str, Any]) -> None:
        """Raises `InvalidEvent` naming the field and the rule, never the value."""
        name = event["type"]
        if name not in self._by_type:
            raise InvalidEvent(f"type: the catalogue has no {name}")
        document = self._by_type[name]
        problem = next(_problems(document, _present(event), "", document), None)
        if problem:
            raise InvalidEvent(f"{name}: {problem}")


def _present(event: Mapping[str, Any]) -> dict[str, Any]:
    """A field that is null counts as absent."""
    data = event.get("data")
    if not isinstance(data, dict):
        return dict(event)
    present = {key: value for key, value in data.items() if value is not None}
    return {**event, "data": present}


def _type_of(document: Any) -> str | None:
    try:
        name = document["properties"]["type"]["const"]
    except (KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None


def _problems(rules: Any, value: Any, place: str, root: Any) -> Iterator[str]:
    """What is wrong with a value, each as place and rule."""
    if rules is True:
        return
    if rules is False:
        yield f"{place or 'event'}: not allowed"
        return
    for keyword, rule in rules.items():
        if keyword in _RULES and not _RULES[keyword](rule, value):
            yield f"{place or 'event'}: {keyword} {json.dumps(rule)}"
    yield from _problems_inside(rules, value, place, root)
    yield from _problems_together(rules, value, place, root)


def _problems_inside(rules: Any, value: Any, place: str, root: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name in rules.get("required", ()):
            if name not in value:
                yield f"{_inside(place, name)}: required"
        for name, member in value.items():
            yield from _problems(rules.get("propertyNames", True), name, place, root)
            inside = _inside(place, str(name))
            schemas = _schemas_by_name(rules, str(name))
            for schema in schemas:
                yield from _problems(schema, member, inside, root)
            if not schemas and any(
                _problems(rules.get("additionalProperties", True), member, inside, root)
            ):
                yield f"{inside}: there is no such field"
    if isinstance(value, (list, tuple)):
        for element in value:
            yield from _problems(rules.get("items", True), element, place, root)


def _schemas_by_name(rules: Any, name: str) -> list[Any]:
    """The schemas of a member by its name, or by a pattern that its name has."""
    patterns = rules.get("patternProperties", {})
    schemas = [
        schema for pattern, schema in patterns.items() if re.search(pattern, name)
    ]
    properties = rules.get("properties", {})
    return [*schemas, properties[name]] if name in properties else schemas


def _problems_together(rules: Any, value: Any, place: str, root: Any) -> Iterator[str]:
    def fits(rule: Any) -> bool:
        return next(_problems(rule, value, place, root), None) is None

    if "$ref" in rules:
        yield from _problems(_target(root, rules["$ref"]), value, place, root)
    for entry in rules.get("allOf", ()):
        yield from _problems(entry, value, place, root)
    if "not" in rules and fits(rules["not"]):
        yield f"{place or 'event'}: not {json.dumps(rules['not'])}"
    if "anyOf" in rules and not any(map(fits, rules["anyOf"])):
        yield f"{place or 'event'}: anyOf"
    if "oneOf" in rules and sum(map(fits, rules["oneOf"])) != 1:
        yield f"{place or 'event'}: oneOf"


def _check_keywords(rules: Any) -> None:
    """Raises `ValueError` for a keyword that would not be looked at."""
    if not isinstance(rules, dict):
        return
    supported = {*_RULES, *_NESTED, *_NOTES}
    strange = [
        name for name in rules if name not in supported and not name.startswith("x-")
    ]
    if strange:
        raise ValueError(f"JSON Schema's {strange[0]} is not known to this version")
    for schema in (
        *rules.get("properties", {}).values(),
        *rules.get("patternProperties", {}).values(),
        *rules.get("$defs", {}).values(),
    ):
        _check_keywords(schema)
    for keyword in ("additionalProperties", "propertyNames", "items", "not"):
        _check_keywords(rules.get(keyword))
    for keyword in ("anyOf", "oneOf", "allOf"):
        for schema in rules.get(keyword, ()):
            _check_keywords(schema)


def _target(root: Any, reference: str) -> Any:
    result = root
    for step in reference.removeprefix("#").split("/")[1:]:
        result = result[step.replace("~1", "/").replace("~0", "~")]
    return result


def _listed(rule: Any) -> Any:
    return rule if isinstance(rule, list) else [rule]


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _is(kind: str, value: Any) -> bool:
    return _TYPES[kind](value)


def _same(rule: Any, value: Any) -> bool:
    """JSON knows true from 1, Python does not."""
    return bool(rule == value) and isinstance(rule, bool) == isinstance(value, bool)


def _is_instant(text: str) -> bool:
    return _instant(text) is not None


def _is_period(start: Any, end: Any) -> bool:
    """Whether one instant is before the other; what is none, other rules say."""
    first, last = (_instant(at) if isinstance(at, str) else None for at in (start, end))
    return first is None or last is None or first < last


def _instant(text: str) -> tuple[datetime, str] | None:
    """The second (UTC), and its fraction; None if it is no instant."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    fraction, offset = match[1] or "", match[2].upper().replace("Z", "+00:00")
    # A leap second is written as 60, which Python does not know.
    second = re.sub(":60$", ":59", text[:19].upper().replace(" ", "T"))
    try:
        at = datetime.fromisoformat(second + offset).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return at + timedelta(seconds=text[17:19] == "60"), fraction.rstrip("0")
