"""The table of inputs: what each is, and what it is in another envelope."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).parent / "inputs.txt"
AT = "2026-01-11T08:00:00Z"
SKIP = "skip"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "file": ("alone",),
    "lines": ("alone", "http"),
    "gzip": ("alone", "http"),
    "record": ("alone",),
    "single": (),
    "structured": ("http",),
    "file_array": ("element",),
    "record_array": ("element",),
    "http_array": ("element", "http"),
    "record_binary": ("binary",),
    "http_binary": ("binary", "http"),
}
"""Every road, and the other names that it has in the table."""

_DATA = {
    "u2plus.reaction_given": {"kind": '"like"', "target": '"story"'},
    "study.invited": {"wave": "2"},
    "study.consent_given": {"version": "1", "scopes": '["survey"]'},
    "study.heartbeat": {
        "functions": '["story"]',
        "from": f'"{AT}"',
        "to": '"2026-01-11T09:00:00Z"',
    },
}
_BYTE = re.compile(rb"<([0-9a-f]{2})>")
_REPEATED = re.compile(rb"<(\d+)\*(.+?)>", re.DOTALL)
_EVENT = re.compile(rb"EVENT(\d)")


@dataclass(frozen=True)
class Input:
    """A row. `members`: raw JSON by name, empty for a text; `verdicts` by road."""

    number: int
    text: str
    payload: bytes
    members: Mapping[str, bytes]
    verdicts: Mapping[str, str]

    def verdict(self, road: str) -> str:
        """What the table says of it on a road."""
        for name in (road, *GROUPS[road], "verdict"):
            if name in self.verdicts:
                return self.verdicts[name]
        raise AssertionError(self.text)


def read_inputs() -> list[Input]:
    """All rows."""
    return [
        _input(number, kind, shared, line)
        for number, (kind, shared, line) in enumerate(_rows())
    ]


def event(identity: str, subject: str, kind: str = "u2plus.signed_in") -> bytes:
    """A good event."""
    return _written(_members(identity, subject, kind))


def _rows() -> Iterator[tuple[str, Mapping[str, str], str]]:
    kind, shared = "", dict[str, str]()
    for line in TABLE.read_text(encoding="utf-8").split("\n"):
        if line.startswith("== "):
            head, *exceptions = line.removeprefix("== ").split(" ; ")
            kind = head.partition(" -- ")[0]
            shared = dict(map(_exception, exceptions))
        elif line and not line.startswith("#"):
            yield kind, shared, line


def _input(number: int, kind: str, shared: Mapping[str, str], line: str) -> Input:
    written, _, outcome = line.partition(" => ")
    verdict, *exceptions = outcome.split(" ; ")
    verdicts = {**shared, "verdict": verdict.partition(" -- ")[0].strip()}
    for entry in exceptions:
        *further, last = entry.partition(" -- ")[0].split(", ")
        verdicts |= dict(map(_exception, [*further, last]))
    text, members = _bytes(written), dict[str, bytes]()
    if kind == "text":
        payload = _EVENT.sub(
            lambda match: event(f"row{number}.{match[1].decode()}", f"row{number}"),
            text,
        )
    else:
        members = _members(f"row{number}", f"row{number}", kind)
        for change in text.split(b" ;; "):
            _change(members, change)
        payload = _written(members)
    return Input(number, line, payload, members, verdicts)


def _exception(text: str) -> tuple[str, str]:
    road, _, verdict = text.partition(" -- ")[0].partition(": ")
    return road.strip(), verdict.strip()


def _bytes(text: str) -> bytes:
    with_bytes = _BYTE.sub(
        lambda match: bytes.fromhex(match[1].decode()), text.encode()
    )
    return _REPEATED.sub(lambda match: match[2] * int(match[1]), with_bytes)


def _members(identity: str, subject: str, kind: str) -> dict[str, bytes]:
    texts = {
        "specversion": "1.0",
        "id": identity,
        "source": "u2plus",
        "type": kind,
        "time": AT,
    }
    if kind != "study.heartbeat":
        texts["subject"] = subject
    members = {name: json.dumps(text).encode() for name, text in texts.items()}
    for field, value in _DATA.get(kind, {}).items():
        members[f"data.{field}"] = value.encode()
    if kind == "study.heartbeat":
        members["time"] = b'"2026-02-01T00:00:00Z"'
    return members


def _change(members: dict[str, bytes], change: bytes) -> None:
    if change.startswith(b"-"):
        name = change[1:].decode()
        for member in [*members]:
            if member == name or member.startswith(f"{name}."):
                del members[member]
        return
    name_bytes, _, value = change.partition(b":")
    name = name_bytes.decode()
    if name == "data":
        _change(members, b"-data")
    same = [entry for entry in members if entry == _unescaped(name)]
    for entry in same:
        del members[entry]
    members[name] = value.removeprefix(b" ")


def _unescaped(name: str) -> str:
    return str(json.loads(f'"{name}"'))


def _written(members: Mapping[str, bytes]) -> bytes:
    """Members as an object; those called data.x make up its data."""
    plain = {name: text for name, text in members.items() if "data." not in name[:5]}
    fields = {
        name.removeprefix("data."): text
        for name, text in members.items()
        if name.startswith("data.")
    }
    if fields:
        plain["data"] = _object(fields)
    return _object(plain)


def _object(members: Mapping[str, bytes]) -> bytes:
    inside = [b'"%b": %b' % (name.encode(), text) for name, text in members.items()]
    return b"{" + b", ".join(inside) + b"}"
