"""The contract of an importer: what it is given, what it must answer, what it yields."""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.models.instruments.instrument import Instrument, Item
from panelstream.models.study.study import Wave

PERSONAL = re.compile(
    r"mail|メール|(?<![a-z])name(?![a-z])|(?:first|last|full|family|given|sur|user)[ _]?name"
    r"|氏名|名前|(?<![a-z])ip(?![a-z])|ip[ _]?address|ipアドレス|latitude|longitude"
    r"|緯度|経度|phone|電話|(?<![a-z])address|住所|birth|誕生|生年月日",
    re.IGNORECASE,
)
"""What headers of columns look like that name or locate a person."""

WAVE_OPENS = datetime.min.replace(tzinfo=UTC)
"""Stands for the first day of a row's wave, until the wave is known."""

RequiredKey = Literal["submitted_at", "timezone", "events"]
"""A key of a mapping that some exports need and that no program can fill in."""


@dataclass(frozen=True)
class SurveyRow:
    """One response as exported, or one of its forms where each has a time of its own.

    `number` is the file's 1-based row; several forms of one row share it.
    """

    number: int
    person: str
    responded_at: datetime
    answers: Mapping[str, str]
    """Coded answers by column code. An empty one was asked and not answered; one
    that is absent was not asked."""
    response_id: str = ""
    """The survey tool's own id of the response, never stored as it is; empty where
    an export has none: person and time identify the response then."""
    finished: bool | None = None
    """Whether the person sent the questionnaire in; None: the export does not say."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """By column code the row of an answer that stands elsewhere than in `number`."""
    wave: int | None = None
    """Its wave, by the rule of the file or as the import names it; importers leave it out."""


@dataclass(frozen=True)
class ImportProblem:
    """A row or a cell that is set apart, by place and never by value."""

    row: int
    column: str
    problem: str


@dataclass(frozen=True)
class ExcludedRow:
    """A row that is no response of this wave, and why: counted, never listed."""

    row: int
    reason: str


RowOutcome = SurveyRow | ImportProblem | ExcludedRow | Question
"""What becomes of a row of a file; or what is odd about its rows or columns."""


@dataclass(frozen=True)
class ImportSummary:
    """What an import has recognised in a file, to be shown and recorded with it."""

    origin: str
    """The file's name."""
    sha256: str
    header: str
    """Hash of the file's headers, in order."""
    format: str
    variant: str
    """Which of its kinds the format is: direct download, label export, ..."""
    encoding: str
    timezone: str
    """Where times without an offset were written."""
    coding: Mapping[str, str]
    """By instrument, the coding that the mapping declares, as `1-6`."""
    mapping: str
    """Hash of the mapping that was used."""
    rows: int
    items: Mapping[str, int]
    """By instrument, how many of its items the file has."""
    excluded: Mapping[str, int]
    """Rows that are no responses (previews, tests, spam), by reason."""
    dropped: tuple[str, ...]
    """Headers of personal data, removed before anything was looked at."""
    ignored: tuple[str, ...]
    """Headers that the mapping says to leave out."""
    waves: Mapping[int, int] = field(default_factory=dict)
    """Responses and forms that count, by wave."""
    facts: tuple[str, ...] = ()
    """What the file says of itself, in words for people."""
    questions: tuple[Question, ...] = ()
    """What is odd about the file."""


@dataclass(frozen=True)
class StudyWaves:
    """The waves of a study and the zone of its days; without any, each number is a wave."""

    waves: tuple[Wave, ...]
    zone: ZoneInfo

    def has(self, number: int | None) -> bool:
        """Whether the study has a wave of this number."""
        return not self.waves or number in [wave.wave for wave in self.waves]

    @property
    def first(self) -> int:
        """The number of the first wave."""
        return self.waves[0].wave if self.waves else 1


Items = Mapping[str, tuple[Instrument, str]]
"""By column code the instrument and its code of the item or delivered scale."""


@dataclass(frozen=True)
class ImportContext:
    """What an importer needs to know besides the file."""

    mapping: SurveyMapping
    items: Items
    """The study's items by column code."""
    zone: ZoneInfo
    """Where times without an offset were written, unless the mapping says."""
    wave: int | None
    """The wave to read; None: every wave that the file's rule names."""
    study: StudyWaves


class Importer(ABC):
    """One survey tool's format.

    An instance has no state. Errors are `FileError`s with a place, never with the value
    of a cell.
    """

    @abstractmethod
    def recognises(self, export: Export) -> bool:
        """Whether a file is of this format, by its headers."""

    def prepare(self, export: Export, mapping: SurveyMapping) -> Export:
        """The export under the headers that the mapping uses; here, as it is."""
        return export

    def prepare_for_draft(self, export: Export) -> Export:
        """The export under the headers that a new mapping should use."""
        return self.prepare(export, SurveyMapping())

    @abstractmethod
    def personal_columns(self, export: Export) -> Collection[str]:
        """Headers of personal data; they are removed before anything is looked at."""

    @abstractmethod
    def metadata_columns(
        self, export: Export, mapping: SurveyMapping
    ) -> Collection[str]:
        """Headers that hold no answers: what the tool adds, and who and when."""

    @abstractmethod
    def required_keys(self, export: Export) -> Sequence[RequiredKey]:
        """Keys that the mapping of this export needs besides the items."""

    @abstractmethod
    def variant(self, export: Export) -> str:
        """Which of its kinds the format is, in words for people."""

    @abstractmethod
    def read_rows(self, export: Export, context: ImportContext) -> Iterator[RowOutcome]:
        """Yield what becomes of each row."""

    def complete_rows(
        self, export: Export, rows: Sequence[SurveyRow], context: ImportContext
    ) -> Sequence[SurveyRow]:
        """Rows of known waves with what only all of them tell; here, as they are."""
        return rows


def normalize_text(text: str) -> str:
    """A text as it is compared: without the accidents of width and space."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def item_of_column(items: Items, code: str) -> Item | None:
    """The item of a column code; None for a delivered scale."""
    instrument, name = items[code]
    return next((item for item in instrument.items if item.code == name), None)


def looks_personal(header: str) -> bool:
    """Whether a header is one of a column that names or locates people."""
    return PERSONAL.search(normalize_text(header)) is not None
