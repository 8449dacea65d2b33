"""What a coordinator says about an export: how its headers and labels relate to items."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    model_validator,
)

from panelstream.ingest.surveys.file_types.export_file import FileForm
from panelstream.ingest.surveys.file_types.text_encoding import known_encoding
from panelstream.models import config_file
from panelstream.models.config_file import Document, Frozen
from panelstream.models.events.field_kinds import SLUG
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.timestamps import known_zone

SurveyFormat = Literal[
    "google_forms", "microsoft_forms", "limesurvey", "qualtrics", "redcap", "plain"
]

PERSON, SUBMITTED_AT = "platform_id", "submitted_at"
EVENT = "redcap_event_name"
WAVE_DAY = "wave"
"""Under `submitted_at`, in place of a column: the first day of the wave."""
IGNORE = "ignore"
"""In `columns`, in place of an item: the column holds no answer."""

_CODING = re.compile(r"([+-]?\d+)\s*(?:\.{2,3}|-)\s*([+-]?\d+)")
_DASHES = str.maketrans(dict.fromkeys("–—−‐‑‒〜～", "-"))


def _labels(value: Any) -> Any:
    """YAML reads yes, no and numbers as values; in a survey they are labels."""
    if isinstance(value, dict):
        return {_text(label): _text(code) for label, code in value.items()}
    return value


def _codes(value: Any) -> Any:
    """YAML reads -99 as a number; in an export it is text."""
    return [_text(code) for code in value] if isinstance(value, list) else value


def _label_keys(value: Any) -> Any:
    """Labels of values that stay as they are."""
    if isinstance(value, dict):
        return {_text(label): number for label, number in value.items()}
    return value


def _missing(value: Any) -> Any:
    """A code by itself is one of every item."""
    if isinstance(value, list):
        return [v if isinstance(v, dict) else {"codes": [v]} for v in value]
    return value


def _text(value: Any) -> Any:
    """The word behind a scalar; groups of values and blanks stay as they are."""
    words = {True: "yes", False: "no"}
    if isinstance(value, bool):
        return words[value]
    return str(value) if isinstance(value, int | float) else value


def _two_ends(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text).translate(_DASHES)
    ends = _CODING.fullmatch(normal)
    if ends is None or int(ends[1]) == int(ends[2]):
        raise ValueError("write the codes of an item's low and high end, as 1-6")
    return coding_text(int(ends[1]), int(ends[2]))


def coding_text(first: int, last: int) -> str:
    """A coding as mappings and messages write it: `1-6`, below zero `-2..2`."""
    return f"{first}-{last}" if min(first, last) >= 0 else f"{first}..{last}"


WaveNumber = Annotated[int, Field(ge=1)]
_WAVE_KINDS = (
    "write which rows are of which wave: {column: header, values: {First: 1, Second: 2}}, "
    "instance (REDCap), or day"
)

Coding = Annotated[str, AfterValidator(_two_ends)]
"""The codes of an item's low and high end, as `coding_text` writes them."""


class Labels(Frozen):
    """The codes behind the option labels of some items."""

    items: tuple[str, ...]
    codes: Annotated[dict[str, str], BeforeValidator(_labels)]


class MissingCodes(Frozen):
    """The codes that mean: asked, not answered; of every item, or of some."""

    items: tuple[str, ...] = ()
    codes: Annotated[tuple[str, ...], BeforeValidator(_codes)] = Field(min_length=1)


class Checkboxes(Frozen):
    """A question with several answers: options that were ticked are 1, others 0.

    With a `column`, options are labels joined in its cells; without, each option is
    a column of its own, which says whether it was ticked. An option without an item
    ("none of these") says only that the question was answered.
    """

    column: str | None = None
    options: Annotated[dict[str, str | None], BeforeValidator(_labels)] = Field(
        min_length=1
    )

    @property
    def headers(self) -> Sequence[str]:
        """The columns of the question."""
        return [self.column] if self.column else list(self.options)

    @property
    def items(self) -> Sequence[str]:
        """The codes of the options that have an item."""
        return [code for code in self.options.values() if code is not None]


class ConsentItem(Frozen):
    """What people agree to with the item `consent`."""

    version: int = Field(ge=1, le=1000)
    scopes: tuple[Annotated[str, Field(pattern=SLUG)], ...] = Field(min_length=1)


def _wave_kind(value: Any) -> Any:
    """`day` and `instance` are rules by themselves."""
    words: dict[str, Any] = {"day": {"day": True}, "instance": {"instance": {}}}
    if isinstance(value, str) and value in words:
        return words[value]
    if not isinstance(value, dict):
        raise ValueError(_WAVE_KINDS)
    return value


class Waves(Frozen):
    """Which rows of one file are of which wave: by a column, the instance, or the day."""

    column: str | None = None
    values: Annotated[dict[str, WaveNumber | None], BeforeValidator(_label_keys)] = {}
    """By value of the column; None leaves its rows out."""
    instance: dict[int, WaveNumber | None] | None = None
    """By instance of a repeating REDCap form; without any, instance N is wave N."""
    day: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> "Waves":
        kinds = [self.column is not None, self.instance is not None, self.day]
        if sum(kinds) != 1 or bool(self.column) != bool(self.values):
            raise ValueError(_WAVE_KINDS)
        return self


class SurveyMapping(Frozen):
    """How an export's headers and labels relate to the study's items."""

    format: SurveyFormat | None = None
    encoding: Annotated[str, AfterValidator(known_encoding)] | None = None
    sheet: str | None = None
    """Name of the sheet of a workbook that holds the answers."""
    decimal: Literal[".", ","] | None = None
    source: Annotated[str, Field(pattern=SLUG)] | None = None
    """Name of the form that the file is an export of; None: recognised."""
    parts: bool = False
    """Whether each file is a part of its own (one a month), not the state of a form."""
    person: str = PERSON
    submitted_at: str | dict[str, str] | None = None
    """Header of the time of the answer, by form for REDCap; or `WAVE_DAY`."""
    response_id: str | None = None
    timezone: Annotated[str, AfterValidator(known_zone)] | None = None
    times: str | None = None
    coding: dict[str, Coding] = {}
    columns: dict[str, str] = {}
    labels: tuple[Labels, ...] = ()
    missing: Annotated[tuple[MissingCodes, ...], BeforeValidator(_missing)] = ()
    checkboxes: tuple[Checkboxes, ...] = ()
    consent: ConsentItem | None = None
    waves: Annotated[Waves, BeforeValidator(_wave_kind)] | None = None
    events: dict[str, WaveNumber | None] = {}
    item: str = "item"
    answer: str = "answer"
    ignore: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _ignored_in_place(cls, value: Any) -> Any:
        """`columns: {Header: ignore}` says the same as `ignore: [Header]`."""
        columns = value.get("columns") if isinstance(value, dict) else None
        elsewhere = value.get("ignore", []) if isinstance(value, dict) else None
        if not isinstance(columns, dict) or not isinstance(elsewhere, list):
            return value
        ignored = [header for header, code in columns.items() if code == IGNORE]
        named = {k: code for k, code in columns.items() if code != IGNORE}
        return value | {"columns": named, "ignore": [*elsewhere, *ignored]}

    @model_validator(mode="after")
    def _one_wave_rule(self) -> "SurveyMapping":
        if self.waves and self.events:
            raise ValueError("give waves or events, not both")
        return self

    @model_validator(mode="after")
    def _one_kind_of_source(self) -> "SurveyMapping":
        if self.source and self.parts:
            raise ValueError(
                "give source or parts, not both: parts are known by their file names"
            )
        return self

    def time_column(self, form: str = "") -> str | None:
        """Header of the time of a form, or `WAVE_DAY`; None: the tool's own."""
        if isinstance(self.submitted_at, dict):
            return self.submitted_at.get(form)
        return self.submitted_at

    @property
    def time_columns(self) -> set[str]:
        """Every header of times that is named."""
        by_form = self.submitted_at
        named = by_form.values() if isinstance(by_form, dict) else [by_form]
        return {header for header in named if header and header != WAVE_DAY}

    @property
    def has_wave_days(self) -> bool:
        """Whether a wave's first day stands for a time."""
        by_form = self.submitted_at
        named = by_form.values() if isinstance(by_form, dict) else [by_form]
        return WAVE_DAY in named

    @property
    def wave_rule(self) -> Waves | None:
        """The declared rule of waves; `events` are the values of REDCap's column of events."""
        return Waves(column=EVENT, values=self.events) if self.events else self.waves

    @property
    def wave_columns(self) -> set[str]:
        """The column that says which wave a row is of, if one does."""
        rule = self.wave_rule
        return {rule.column} if rule and rule.column else set()

    @property
    def file_form(self) -> FileForm:
        """What it says of the file before that can be read."""
        return FileForm(self.encoding, self.sheet, self.decimal)

    @property
    def tells_waves(self) -> bool:
        """Whether it has a rule for the wave of each row."""
        return self.wave_rule is not None

    @property
    def hash(self) -> str:
        """The same for mappings that say the same."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def headers(self) -> set[str]:
        """Every header that the mapping names."""
        named = {self.person, self.response_id, *self.time_columns, *self.ignore}
        named |= set(self.columns)
        named |= {header for box in self.checkboxes for header in box.headers}
        named |= self.wave_columns
        return {header for header in named if header is not None}

    def labels_of(self, code: str) -> Mapping[str, str] | None:
        """The codes behind the labels of an item; None if it has none here."""
        for group in self.labels:
            if code in group.items:
                return group.codes
        return None

    def missing_codes(self, code: str) -> list[str]:
        """The codes of an item that the mapping declares missing."""
        entries = [e for e in self.missing if not e.items or code in e.items]
        return [text for entry in entries for text in entry.codes]


def read_mapping(
    path: Path | None, instruments: Sequence[Instrument], scopes: Sequence[str] = ()
) -> SurveyMapping:
    """Read a mapping file; without one, headers are the codes themselves.

    `scopes`: what the study's consents may be about; none: anything. Raises `FileError`
    with line and remedy, also for a coding or label of something that none of the
    instruments has.
    """
    if path is None:
        return SurveyMapping()
    document = config_file.read_config(path, SurveyMapping)
    _check_names(document, instruments)
    _check_scopes(document, scopes)
    return document.value


def _check_scopes(document: Document[SurveyMapping], scopes: Sequence[str]) -> None:
    consent = document.value.consent
    for at, scope in enumerate(consent.scopes if consent else ()):
        if scopes and scope not in scopes:
            remedy = config_file.nearest(scope, scopes)
            problem = f"no scope '{scope}' in the study file; {remedy}"
            raise document.error(["consent", "scopes", at], problem)


def _check_names(
    document: Document[SurveyMapping], instruments: Sequence[Instrument]
) -> None:
    mapping = document.value
    names = [instrument.instrument for instrument in instruments]
    for name in mapping.coding:
        if name not in names:
            remedy = config_file.nearest(name, names)
            raise document.error(["coding", name], f"no instrument '{name}'; {remedy}")
    for instrument in instruments:
        if instrument.instrument in mapping.coding:
            _check_coding(document, instrument)
    codes = [item.code for instrument in instruments for item in instrument.items]
    groups: dict[str, Sequence[Labels | MissingCodes]] = {
        "labels": mapping.labels,
        "missing": mapping.missing,
    }
    for key, at, group in (
        (k, at, g) for k in groups for at, g in enumerate(groups[k])
    ):
        for code in group.items:
            if code not in codes:
                problem = f"no item '{code}'; {config_file.nearest(code, codes)}"
                raise document.error([key, at, "items"], problem)


def _check_coding(document: Document[SurveyMapping], instrument: Instrument) -> None:
    """A coding may shift or turn the answers, not stretch them."""
    text = document.value.coding[instrument.instrument]
    first, last = coding_ends(text)
    for item in instrument.items:
        if item.is_numeric and item.range[1] - item.range[0] != abs(last - first):
            low, high = item.range
            problem = f"{text} cannot be the coding of {item.code}, which goes from {low} to {high}"
            raise document.error(["coding", instrument.instrument], problem)


def coding_ends(coding: str) -> tuple[int, int]:
    """The codes of an item's low and high end."""
    ends = _CODING.fullmatch(coding)
    assert ends is not None
    return int(ends[1]), int(ends[2])
