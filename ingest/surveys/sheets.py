"""Sheets: what one response says of one questionnaire, the unit that is stored once.

A sheet has two hashes. `content` is of the time and the answers alone, so that the same
answers are recognised under another person or wave; `digest` is of all of it, and is
the name under which the warehouse stores the sheet.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

AnswerRecord = Mapping[str, Any]
"""A row of `responses.ANSWERS`."""

ResponseKey = tuple[str, bytes, int, int]
"""What identifies a response within its source: the tool's id alone, or person, wave and
second. The parts that do not count are empty."""


@dataclass(frozen=True)
class Sheet:
    """What one response says of one questionnaire.

    `response` is a keyed hash of the survey tool's own id of the response; empty where
    it has none. A row without `rows` was read from the warehouse.
    """

    participant_id: bytes
    response: str
    wave: int
    responded_at: datetime
    instrument: str
    content: bytes
    rows: tuple[AnswerRecord, ...] = field(default=(), compare=False, repr=False)

    @property
    def second(self) -> int:
        """The Unix second of the response; tools and events do not agree on less."""
        return int(self.responded_at.timestamp())

    @property
    def key(self) -> ResponseKey:
        """The response of which this sheet is a part."""
        return response_key(vars(self))

    @cached_property
    def digest(self) -> bytes:
        """The hash (16 bytes) that names the sheet in the warehouse."""
        text = f"{self.participant_id.hex()};{self.response};{self.wave};"
        return _hash(text.encode() + self.content)

    def of_source(self, source: str) -> "Sheet":
        """The same sheet with the response's id made one of `source`.

        Ids are unique within a form only: those of two forms may be the same.
        """
        if not self.response:
            return self
        scoped = hashlib.sha256(f"{source};{self.response}".encode()).hexdigest()[:32]
        return replace(self, response=scoped)


def response_key(row: AnswerRecord) -> ResponseKey:
    """The response to which an answer, or a sheet, belongs."""
    if row["response"]:
        return row["response"], b"", 0, 0
    second = int(row["responded_at"].timestamp())
    return "", row["participant_id"], row["wave"], second


def collect_sheets(rows: Iterable[AnswerRecord]) -> list[Sheet]:
    """The sheets of answers, in the order of their first rows."""
    by_sheet: dict[tuple[Any, ...], list[AnswerRecord]] = defaultdict(list)
    for row in rows:
        person, wave = row["participant_id"], row["wave"]
        by_sheet[response_key(row), person, wave, row["instrument"]].append(row)
    return [_sheet(records) for records in by_sheet.values()]


def _sheet(rows: list[AnswerRecord]) -> Sheet:
    first = rows[0]
    return Sheet(
        participant_id=first["participant_id"],
        response=first["response"],
        wave=first["wave"],
        responded_at=first["responded_at"],
        instrument=first["instrument"],
        content=_content(rows),
        rows=tuple(rows),
    )


def _content(rows: list[AnswerRecord]) -> bytes:
    first = rows[0]
    lines = sorted(f"{row['item']}={row['answer']}" for row in rows)
    second = int(first["responded_at"].timestamp())
    head = f"{second};{first['instrument']};{first['finished']}"
    return _hash("\n".join([head, *lines]).encode())


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:16]
