"""What every importer makes of an export: rows of coded answers, and what is left out."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from ingest.importers import mapping as mappings
from ingest.importers.mapping import Checkboxes, SurveyMapping
from ingest.importers.tables import Export
from models import yaml_files
from models.errors import FileError
from models.instruments import Instrument, Item

NOT_A_CODE = "?"
"""Stands for a cell that is no answer of its item; set apart like any wrong code."""

TICKED, UNTICKED = "1", "0"

PERSONAL = re.compile(
    r"mail|メール|(?<![a-z])name(?![a-z])|(?:first|last|full|family|given|sur|user)[ _]?name"
    r"|氏名|名前|(?<![a-z])ip(?![a-z])|ip[ _]?address|ipアドレス|latitude|longitude"
    r"|緯度|経度|phone|電話|(?<![a-z])address|住所|birth|誕生|生年月日",
    re.IGNORECASE,
)
"""What headers of columns look like that name or locate a person."""

_WHOLE = re.compile(r"[+-]?\d+(?:\.0*)?")


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


@dataclass(frozen=True)
class Columns:
    """Which columns of an export hold the answers to which items."""

    export: Export
    asked: Asked
    codes: Mapping[int, str]

    def of(self, places: Iterable[int]) -> "Columns":
        """The same, for some of the columns only."""
        kept = {place: code for place, code in self.codes.items() if place in places}
        return Columns(self.export, self.asked, kept)

    @property
    def items(self) -> set[str]:
        """The codes of all items that the columns hold."""
        boxes = {code for box in self._boxes() for code in box.options.values()}
        return set(self.codes.values()) | boxes

    def answers(self, record: Sequence[str]) -> dict[str, str]:
        """The coded answers of a record; what is no answer becomes `NOT_A_CODE`.

        An item may stand in two columns, if its question was edited while people
        answered; only one of them may hold an answer.
        """
        found: dict[str, str] = {}
        for place, code in self.codes.items():
            answer = self._coded(place, code, record[place])
            held = found.get(code, "")
            found[code] = NOT_A_CODE if held and answer else held or answer
        for box in self._boxes():
            found |= self._ticked(box, record)
        return found

    def _coded(self, place: int, code: str, cell: str) -> str:
        labels = self.export.value_labels.get(self.export.header[place], {})
        return coded(self.asked, code, cell, labels)

    def _boxes(self) -> Iterator[Checkboxes]:
        for box in self.asked.mapping.checkboxes:
            named = [box.column] if box.column else list(box.options)
            if any(self.export.place(one) is not None for one in named):
                yield box

    def _ticked(self, box: Checkboxes, record: Sequence[str]) -> dict[str, str]:
        cells = [
            (code, record[place].strip())
            for name, code in box.options.items()
            if (place := self.export.place(box.column or name)) is not None
        ]
        if box.column is None:
            return _marked({code: bool(cell) for code, cell in cells})
        return _joined(box.options, cells[0][1])


def columns(export: Export, asked: Asked, plumbing: Iterable[str]) -> Columns:
    """The columns that hold answers; `plumbing` is what the importer itself reads.

    Raises `FileError` for a header that is neither mapped, nor a known code, nor
    ignored: an edited title must not drop an item in silence.
    """
    mapping = asked.mapping
    boxed = {
        name
        for box in mapping.checkboxes
        for name in ([box.column] if box.column else box.options)
    }
    passed = {*plumbing, *mapping.ignore, mapping.person, *boxed} - {*mapping.columns}
    codes: dict[int, str] = {}
    for place, header in enumerate(export.header):
        if header in passed:
            continue
        code = mapping.columns.get(header, header)
        if code not in asked.items:
            problem = _unmapped(mapping, header, code, list(asked.items))
            raise FileError(export.path, export.column(place), problem)
        if code in codes.values() and header not in mapping.columns:
            problem = f"'{code}' stands in two columns"
            raise FileError(export.path, export.column(place), problem)
        codes[place] = code
    _check_boxes(export, asked)
    return Columns(export, asked, codes)


def coded(asked: Asked, code: str, cell: str, labels: Mapping[str, str]) -> str:
    """One answer by the instrument's own code; `labels` are the export's, by code.

    An option label is looked up in the mapping, else in what the export says of
    itself, else in the instrument; a number is taken from the declared coding.
    """
    text = plain(cell)
    if not text:
        return ""
    item = item_of(asked, code)
    mapped = asked.mapping.labels_of(code)
    if mapped is not None:
        text = {plain(label): c for label, c in mapped.items()}.get(text, NOT_A_CODE)
    elif text in (named := {plain(label): c for c, label in labels.items()}):
        text = named[text]
    elif item and text in (known := _own_labels(asked, code, item)):
        return known[text]
    return _number(asked, code, text, item)


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


def _own_labels(asked: Asked, code: str, item: Item) -> dict[str, str]:
    named = asked.items[code][0].labels(item)
    return {plain(label): c for c, text in named.items() for label in text.values()}


def _number(asked: Asked, code: str, text: str, item: Item | None) -> str:
    if item is None or item.choices or not _WHOLE.fullmatch(text):
        return text
    number = int(float(text))
    coding = asked.mapping.coding.get(asked.items[code][0].instrument)
    if coding is None or number == item.not_applicable:
        return str(number)
    first, last = mappings.ends(coding)
    if not min(first, last) <= number <= max(first, last):
        return NOT_A_CODE
    return str(item.range[0] + abs(number - first))


def _marked(ticked: Mapping[str, bool]) -> dict[str, str]:
    """Nothing ticked is no answer: it may be "none of these", or skipped."""
    if not any(ticked.values()):
        return dict.fromkeys(ticked, "")
    return {code: TICKED if one else UNTICKED for code, one in ticked.items()}


def _joined(options: Mapping[str, str], cell: str) -> dict[str, str]:
    """Options joined by `;` or `, `; their labels may hold commas themselves."""
    rest, ticked = plain(cell), dict.fromkeys(options.values(), False)
    for label in sorted(options, key=len, reverse=True):
        pattern = rf"(?:^|(?<=;)|(?<=, )){re.escape(plain(label))}(?=;|, |$)"
        rest, found = re.subn(pattern, "", rest)
        ticked[options[label]] |= bool(found)
    if rest.strip("; ,"):
        return dict.fromkeys(ticked, NOT_A_CODE)
    return _marked(ticked)


def _check_boxes(export: Export, asked: Asked) -> None:
    known = list(asked.items)
    for box in asked.mapping.checkboxes:
        for code in box.options.values():
            if code not in known:
                problem = (
                    f"checkboxes: no item '{code}'; {yaml_files.nearest(code, known)}"
                )
                raise FileError(export.path, "mapping", problem)


def _unmapped(
    mapping: SurveyMapping, header: str, code: str, known: Sequence[str]
) -> str:
    """Says what to do; shows a header only if the mapping named it itself."""
    if header in mapping.columns:
        return f"mapped to '{code}', which no instrument has; {yaml_files.nearest(code, known)}"
    if looks_personal(header):
        return "looks like personal data; list this header under ignore in the mapping"
    return "this header is not mapped; add it to the mapping's columns, or to ignore"
