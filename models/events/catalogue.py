"""What a platform may send: its event types, their closed fields, their functions.

A catalogue is a YAML file. Fields are closed on purpose: a field that is not
named here rejects its event, so free text can never enter the warehouse.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as defaulting
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from panelstream.models import config_file
from panelstream.models.config_file import Document, Frozen, Location
from panelstream.models.events.clocks import Clocks
from panelstream.models.events.field_kinds import KINDS, FieldKind, FieldRule
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.timestamps import parse_instant, resolution

SHIPPED_CATALOGUES = Path(__file__).parent / "catalogues"
STUDY_EVENTS = Path(__file__).parent / "study_events.yaml"
ALL_EVENTS = "study_events"
"""The view from which a catalogue's views choose."""
_SHIPPED_VIEWS = (ALL_EVENTS, "operator_events")
EVENT_COLUMNS = (
    "participant_id",
    "event_type",
    "function",
    "occurred_at",
    "occurred_on",
    "received_at",
    "recorded_at",
    "source",
    "id",
    "data",
)
"""Columns of that view; no field may be called like one."""
TAKING_PART = (
    "study.enrolled",
    "study.invited",
    "study.consent_given",
    "study.consent_withdrawn",
)
"""Study events that say who takes part: never refused, even after a withdrawal."""

RESPONSE_SUBMITTED = "study.response_submitted"
HEARTBEAT = "study.heartbeat"

_COLUMN = re.compile(r"[a-z][a-z0-9_]*")
_VIEW = re.compile(r"[a-z][a-z0-9_]*_events")


class EventType(Frozen):
    """One kind of act: what it counts towards and which fields it carries."""

    function: str | None = None
    subject: bool | Literal["optional"] = True
    """False for what names nobody; optional for what may speak of one person, as a
    heartbeat of that person's device does."""
    versions: tuple[int, ...] = (1,)
    data: dict[str, FieldRule] = {}
    withdraws: str | None = None
    """The type whose latest act with the same field values it takes back."""


class EventView(Frozen):
    """A view that readers get: the events of some types, a column for each field."""

    types: tuple[str, ...] = Field(min_length=1)
    comment: str = Field(min_length=1)


@dataclass(frozen=True)
class Questionnaires:
    """What a study asks: its waves, and its instruments by name."""

    waves: Sequence[int] = ()
    instruments: Mapping[str, Instrument] = defaulting(default_factory=dict)

    def coded_answers(self, data: Mapping[str, Any]) -> dict[str, str]:
        """The answers of a response as coded text; null: asked, not answered.

        The checks are those of an export. Raises `ValueError` with the name of the
        field that is wrong.
        """
        if data["wave"] not in self.waves:
            raise ValueError("wave")
        if data["instrument"] not in self.instruments:
            raise ValueError("instrument")
        instrument = self.instruments[data["instrument"]]
        answers = {code: _coded(answer) for code, answer in data["answers"].items()}
        for code, answer in answers.items():
            is_item = code in instrument.codes
            if not is_item or (answer and not instrument.accepts(code, answer)):
                raise ValueError("answers")
        return answers


def _coded(answer: Any) -> str:
    if answer is None:
        return ""
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        raise ValueError("answers")
    is_whole = isinstance(answer, float) and answer.is_integer()
    return str(int(answer) if is_whole else answer).strip()


class Catalogue(Frozen):
    """The closed world of one platform's events."""

    catalogue: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    namespace: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    """Under which the platform's user ids are pseudonymised; never change it."""
    sources: tuple[str, ...] = Field(min_length=1)
    functions: list[str]
    labels: dict[str, dict[str, str]] = {}
    types: dict[str, EventType]
    views: dict[str, EventView] = {}
    _questionnaires: Questionnaires = PrivateAttr(default=Questionnaires())
    _clocks: Clocks = PrivateAttr(default=Clocks())

    @model_validator(mode="after")
    def _consistent(self) -> "Catalogue":
        kinds: dict[str, str] = {}
        for name, event_type in self.types.items():
            function = event_type.function
            if function is not None and function not in self.functions:
                remedy = config_file.nearest(function, self.functions)
                raise ValueError(f"{name}: no function '{function}'; {remedy}")
            for field, rule in event_type.data.items():
                if KINDS[rule.kind].study_events_only:
                    raise ValueError(
                        f"{name}: {rule.kind} come as {RESPONSE_SUBMITTED} only"
                    )
                if kinds.setdefault(field, rule.kind) != rule.kind:
                    raise ValueError(
                        f"{name}: '{field}' is of another kind elsewhere; rename it"
                    )
        return self

    @property
    def accepted_sources(self) -> frozenset[str]:
        """Sources whose events are accepted; all others are rejected."""
        return frozenset(self.sources)

    @cached_property
    def field_kinds(self) -> Mapping[str, FieldKind]:
        """The kind of every data field; a name has one kind in the whole catalogue."""
        return {
            field: KINDS[rule.kind]
            for event_type in self.types.values()
            for field, rule in event_type.data.items()
        }

    def check_heartbeat(self, data: Mapping[str, Any], at: datetime) -> None:
        """Raise `ValueError` with the name of the field that covers nothing.

        Or more than could be known at an instant; `to` may be later by one unit in
        which both ends are written.
        """
        functions = data["functions"]
        if not functions or not set(functions) <= set(self.functions):
            raise ValueError("functions")
        start, end = parse_instant(data["from"]), parse_instant(data["to"])
        if start is None or end is None or start >= end:
            raise ValueError("to")
        if end - resolution(start, end) > at:
            raise ValueError("to")

    @property
    def withdrawals(self) -> Mapping[str, str]:
        """The types of act that take another back, each with the type it takes back."""
        return {
            name: event_type.withdraws
            for name, event_type in self.types.items()
            if event_type.withdraws
        }

    def affected_function(self, name: str) -> str:
        """The function whose counts an event of a type changes: as an act of it, or
        as it takes one back. Empty: none, or the type is unknown.
        """
        event_type = self.types.get(name)
        if event_type is not None and event_type.withdraws:
            event_type = self.types.get(event_type.withdraws)
        return (event_type and event_type.function) or ""

    @property
    def questionnaires(self) -> Questionnaires:
        """What the study asks, whose answers may come as events."""
        return self._questionnaires

    @property
    def clocks(self) -> Clocks:
        """Which clocks of the platform the study corrects."""
        return self._clocks

    def in_study(self, questionnaires: Questionnaires, clocks: Clocks) -> "Catalogue":
        """The same catalogue, in a study that asks something and corrects clocks."""
        copy = self.model_copy()
        copy._questionnaires, copy._clocks = questionnaires, clocks
        return copy

    def label(self, function: str, language: str = "en") -> str:
        """What readers call a function."""
        return self.labels.get(function, {}).get(language, function)


class _StudyEvents(Frozen):
    types: dict[str, EventType]


def find_catalogue(name: str, folder: Path) -> Catalogue:
    """The catalogue `name` (a path inside `folder`, or a shipped one)."""
    return read_catalogue(name, folder).value


def read_catalogue(
    name: str, folder: Path, text: str | None = None
) -> Document[Catalogue]:
    """Read the catalogue `name` (a path inside `folder`, or a shipped one), or its text.

    The study's own event types (`study.*`) belong to every catalogue.
    """
    path = config_file.locate_config(name, folder, SHIPPED_CATALOGUES, text)
    document = config_file.read_config(path, Catalogue, text)
    _check_withdrawals(document)
    _check_views(document)
    catalogue = document.value
    study = config_file.read_config(STUDY_EVENTS, _StudyEvents).value
    types = {**catalogue.types, **study.types}
    return replace(document, value=catalogue.model_copy(update={"types": types}))


def _check_withdrawals(document: Document[Catalogue]) -> None:
    types = document.value.types
    for name, withdrawn_name in document.value.withdrawals.items():
        place = ["types", name, "withdraws"]
        _check_type(document, place, withdrawn_name)
        event_type, withdrawn = types[name], types[withdrawn_name]
        have_subjects = event_type.subject and withdrawn.subject
        if _fields(event_type) != _fields(withdrawn) or not have_subjects:
            raise document.error(place, f"give {name} the fields of {withdrawn_name}")
        if event_type.function or withdrawn.withdraws:
            raise document.error(
                place, "what takes an act back is no act itself: give it no function"
            )


def _check_views(document: Document[Catalogue]) -> None:
    for name, view in document.value.views.items():
        place = ["views", name]
        if not _VIEW.fullmatch(name) or name in _SHIPPED_VIEWS:
            problem = (
                f"call it <something>_events, and not {' or '.join(_SHIPPED_VIEWS)}"
            )
            raise document.error(place, f"'{name}': {problem}")
        for index, type_name in enumerate(view.types):
            _check_columns(document, [*place, "types", index], type_name)


def _check_columns(
    document: Document[Catalogue], place: Location, type_name: str
) -> None:
    """The type exists, and its fields can be columns."""
    _check_type(document, place, type_name)
    for field in document.value.types[type_name].data:
        if not _COLUMN.fullmatch(field) or field in EVENT_COLUMNS:
            problem = f"'{field}' of {type_name} cannot be a column; rename the field"
            raise document.error(place, problem)


def _check_type(document: Document[Catalogue], place: Location, name: str) -> None:
    names = list(document.value.types)
    if name not in names:
        problem = f"no type '{name}'; {config_file.nearest(name, names)}"
        raise document.error(place, problem)


def _fields(event_type: EventType) -> Mapping[str, str]:
    return {name: rule.kind for name, rule in event_type.data.items()}
