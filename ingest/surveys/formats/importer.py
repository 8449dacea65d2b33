"""What every importer is told, and what it makes of an export."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.models.instruments.instrument import Instrument, Item

PERSONAL = re.compile(
    r"mail|メール|(?<![a-z])name(?![a-z])|(?:first|last|full|family|given|sur|user)[ _]?name"
    r"|氏名|名前|(?<![a-z])ip(?![a-z])|ip[ _]?address|ipアドレス|latitude|longitude"
    r"|緯度|経度|phone|電話|(?<![a-z])address|住所|birth|誕生|生年月日",
    re.IGNORECASE,
)
"""What headers of columns look like that name or locate a person."""


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
    an export has none, so that person and time are all there is to tell it by."""
    finished: bool | None = None
    """Whether the person sent the questionnaire in; None: the export does not say."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """By column code the row of an answer that stands elsewhere than in `number`."""


@dataclass(frozen=True)
class SetApart:
    """A row or a cell that is not stored, by place and never by value."""

    row: int
    column: str
    problem: str


@dataclass(frozen=True)
class Excluded:
    """A row that is no response of this wave, and why: counted, never listed."""

    row: int
    reason: str


@dataclass(frozen=True)
class Understood:
    """What was understood of a file, to be shown and recorded with its import."""

    origin: str
    """The file's name."""
    sha256: str
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
    """By instrument, how many of its items the file holds."""
    excluded: Mapping[str, int]
    """Rows that are no responses (previews, tests, spam), by reason."""
    dropped: tuple[str, ...]
    """Headers of personal data, removed before anything was looked at."""
    ignored: tuple[str, ...]
    """Headers that the mapping says to leave out."""


@dataclass(frozen=True)
class Asked:
    """What an importer is told besides the file."""

    mapping: SurveyMapping
    items: Mapping[str, tuple[Instrument, str]]
    """The study's items by column code."""
    zone: ZoneInfo
    """Where times without an offset were written, unless the mapping says."""
    wave: int


Row = SurveyRow | SetApart | Excluded
"""What becomes of a row of a file."""


def plain(text: str) -> str:
    """A text as it is compared: without the accidents of width and space."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def item_of(asked: Asked, code: str) -> Item | None:
    """The item of a column code; None for a delivered scale."""
    instrument, name = asked.items[code]
    return next((one for one in instrument.items if one.code == name), None)


def looks_personal(header: str) -> bool:
    """Whether a header is one of a column that names or locates people."""
    return PERSONAL.search(plain(header)) is not None
