"""Which item a column of an export asks, by its header, its grid and its answers.

Evidence in the order of its weight: an item's code in the header; the label of an item
as the header or as the row of a grid; of items with the same label the one whose
instrument the title names, or whose answers the cells are. All that is certain. The
place in a grid of as many rows as the instrument has items, and a label that is much
like the header, are proposals for a person to confirm.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby

from panelstream.ingest.surveys.formats.importer import (
    Items,
    item_of_column,
    normalize_text,
)
from panelstream.models.instruments.instrument import Instrument, Item

_ROWS = (
    re.compile(r"^(.*)\[([^\]]+)\](?:#\d+)?$", re.DOTALL),
    re.compile(r"^(.*) \(choice=(.*)\)(?:#\d+)?$", re.DOTALL),
    re.compile(r"^(.*) [-–] ([^-–]+)$", re.DOTALL),
    re.compile(r"^(.*)\n\s*(\S[^\n]*)$", re.DOTALL),
)
"""Title and row of a grid: `Title [Row]` in forms, `Title - Row` in Qualtrics."""
_REPEATED = re.compile(r"#\d+$")
"""Mark of a header that a file has several times."""
_OPTION = re.compile(r" - Selected Choice - |\(choice=|___", re.IGNORECASE)
"""What the columns of checkboxes hold in Qualtrics and REDCap."""
_NUMBERED = re.compile(r"^(.*?)[ _.\-]*(\d{1,3})$", re.DOTALL)
"""Stem and number: `Q5_1`, `item12`."""
_LEADING_NUMBER = re.compile(r"^(?:Q|問|質問)?\s*\d{1,3}\s*[.:)）]\s*", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_WHOLE_NUMBER = re.compile(r"[+-]?\d+(?:\.0*)?")
MISSING_CODES = frozenset(
    {"-9", "-77", "-88", "-99", "-777", "-888", "-999", "-9999", "999", "9999"}
    | {"99999", "na", "n/a", "#n/a", "nan", "null", "."}
)
"""What tools and people write for "not answered", as `option_key` gives it."""
_MOST_CHOICES = 4
_SIMILAR = 0.6
"""Share of letters in the same order from which two texts are much alike."""


@dataclass(frozen=True)
class HeaderColumn:
    """A column: its header, all its names, and the different texts in its cells."""

    header: str
    names: tuple[str, ...]
    answers: frozenset[str] = frozenset()

    @property
    def numbers(self) -> "HeaderColumn":
        """The same with only those answers that are numbers: words may be a translation."""
        numbers = filter(_WHOLE_NUMBER.fullmatch, self.answers)
        return replace(self, answers=frozenset(numbers))

    @property
    def is_option(self) -> bool:
        """Whether it is one option of a question with several answers."""
        return any(_OPTION.search(name) for name in self.names)


@dataclass(frozen=True)
class HeaderMatch:
    """The items that a header may mean, the likeliest first."""

    codes: tuple[str, ...]
    evidence: str = ""
    """Why a person should confirm it; empty where it is certain."""

    @property
    def is_certain(self) -> bool:
        """Whether it needs no confirmation."""
        return len(self.codes) == 1 and not self.evidence


def match_headers(
    columns: Sequence[HeaderColumn], items: Items
) -> dict[str, HeaderMatch]:
    """By header the items that it may mean; headers without any evidence are absent."""
    index = _label_index(items)
    matches: dict[str, HeaderMatch] = {}
    mapped: set[str] = set()
    for column in columns:
        match = _match_by_name(column, index, items)
        if match and match.is_certain and match.codes[0] in mapped:
            evidence = f"a second column of {match.codes[0]}"
            match = HeaderMatch(match.codes, evidence)
        if match:
            matches[column.header] = match
            mapped |= set(match.codes) if match.is_certain else set()
    open_columns = [column for column in columns if column.header not in matches]
    free = {code: entry for code, entry in items.items() if code not in mapped}
    by_similarity = _match_by_similarity(open_columns, index, free)
    return matches | by_similarity | _match_by_position(open_columns, free)


def header_key(text: str) -> str:
    """A text as labels are compared: without case, width, punctuation and markup."""
    plain = normalize_text(_TAG.sub(" ", text))
    return re.sub(r"[\W_]+", "", plain.casefold())


def option_key(text: str) -> str:
    """An option as answers are compared: without case, width and spaces."""
    return normalize_text(text).casefold()


def is_box(item: Item) -> bool:
    """Whether an item is ticked or not."""
    return item.is_numeric and item.range == (0, 1)


def fits(instrument: Instrument, item: Item, answers: frozenset[str]) -> bool:
    """Whether an item may have these answers, under some coding; no answer fits all."""
    labels = {option_key(text) for text in option_texts(instrument, item)}
    labels |= {option_key(code) for code in item.choices}
    texts = {option_key(text) for text in answers} - MISSING_CODES
    numbers = {float(text) for text in texts - labels if _WHOLE_NUMBER.fullmatch(text)}
    if len(numbers) < len(texts - labels) and not texts & labels:
        return False
    if not item.is_numeric or not numbers:
        return not numbers
    usual = numbers - {item.not_applicable}
    return not usual or max(usual) - min(usual) <= item.range[1] - item.range[0]


def option_texts(instrument: Instrument, item: Item) -> Iterator[str]:
    """What the answers of an item are called, in every language."""
    for texts in instrument.labels(item).values():
        yield from texts.values()


def _label_index(items: Items) -> Mapping[str, tuple[str, ...]]:
    """Codes by every key that says them: codes written in other ways, and labels."""
    index: dict[str, list[str]] = defaultdict(list)
    for code, (instrument, _) in items.items():
        item = item_of_column(items, code)
        keys = {*_code_keys(code, instrument), *map(header_key, _labels(item))}
        for key in keys - {""}:
            index[key].append(code)
    return {key: tuple(codes) for key, codes in index.items()}


def _labels(item: Item | None) -> list[str]:
    return list(item.label.values()) if item else []


def _code_keys(code: str, instrument: Instrument) -> Iterator[str]:
    """`phq9_1` may be written PHQ9-1, phq9.1, PHQ-9 Q1, phq9_01, q1_phq9."""
    yield header_key(code)
    name, number = header_key(instrument.instrument), code.rpartition("_")[2]
    if number.isdigit() and header_key(code) == name + number:
        for word in ("", "q", "item", "問", "質問"):
            for digits in (number, number.zfill(2)):
                yield f"{name}{word}{digits}"
                if word:
                    yield f"{word}{digits}{name}"


def _match_by_name(
    column: HeaderColumn, index: Mapping[str, tuple[str, ...]], items: Items
) -> HeaderMatch | None:
    for name in column.names:
        if name in items:
            return HeaderMatch((name,))
        for part in _parts(name):
            codes = index.get(header_key(part), ())
            if codes:
                return _narrow(codes, column, name, items)
    return None


def _parts(name: str) -> Iterator[str]:
    """The whole name, its row, its beginning up to a mark; each without its number."""
    rows = [match[2] for row in _ROWS if (match := row.search(name))]
    for text in (name, *rows, _REPEATED.sub("", name)):
        yield text
        yield _LEADING_NUMBER.sub("", normalize_text(text))
    beginning = re.split(r"[.:)：．）、]\s*(?=\D)", name, maxsplit=1)[0]
    if beginning != name and re.search(r"\d$", beginning):
        yield beginning


def _narrow(
    codes: Sequence[str], column: HeaderColumn, name: str, items: Items
) -> HeaderMatch:
    """Of items with one label those whose instrument the title names, or that fit."""
    titled = [code for code in codes if _is_titled(items[code][0], name)]
    fitting = [code for code in titled or codes if may_ask(column, items, code)]
    likely = tuple(fitting or titled or codes)
    return HeaderMatch(likely, "" if len(likely) == 1 else "items with the same label")


def _is_titled(instrument: Instrument, name: str) -> bool:
    """Whether a header begins with the name or a title of an instrument."""
    names = (instrument.instrument, *instrument.title.values())
    return any(header_key(title) in header_key(name) for title in names)


def may_ask(column: HeaderColumn, items: Items, code: str) -> bool:
    """Whether a column may ask an item, by the form of its cells."""
    item = item_of_column(items, code)
    if item is None or column.is_option:
        return item is not None and is_box(item)
    return fits(items[code][0], item, column.answers)


def _match_by_position(
    columns: Sequence[HeaderColumn], items: Items
) -> dict[str, HeaderMatch]:
    """Grids with as many rows as an instrument has items, by the order of both."""
    grids: dict[str, list[HeaderColumn]] = defaultdict(list)
    for column in columns:
        for stem in filter(None, {_stem(name) for name in column.names}):
            grids[stem].append(column)
    matches: dict[str, HeaderMatch] = {}
    for rows in grids.values():
        for at, row in enumerate(rows):
            codes = tuple(
                codes[at]
                for codes in _codes_by_instrument(items)
                if len(codes) == len(rows) > 1
                and all(may_ask(row.numbers, items, codes[at]) for row in rows)
            )
            if codes:
                matches[row.header] = HeaderMatch(codes, "by its place in the grid")
    return matches


def _codes_by_instrument(items: Items) -> Iterator[list[str]]:
    for _, group in groupby(items, key=lambda code: items[code][0].instrument):
        yield list(group)


def _stem(name: str) -> str:
    """What the rows of a grid have in common; empty for a header by itself."""
    for pattern in (*_ROWS, _NUMBERED):
        if match := pattern.search(name):
            return header_key(match[1]) or "#"
    return ""


def _match_by_similarity(
    columns: Sequence[HeaderColumn],
    index: Mapping[str, tuple[str, ...]],
    items: Items,
) -> dict[str, HeaderMatch]:
    """Headers that hold a label, are a part of one, or are much like one."""
    matches = {}
    for column in columns:
        keys = {header_key(part) for name in column.names for part in _parts(name)}
        scores = {
            code: score
            for label, codes in index.items()
            if (score := max((_similarity(key, label) for key in keys), default=0.0))
            for code in codes
            if code in items and may_ask(column.numbers, items, code)
        }
        likeliest = sorted(scores, key=lambda code: -scores[code])[:_MOST_CHOICES]
        if likeliest:
            matches[column.header] = HeaderMatch(tuple(likeliest), "its label is alike")
    return matches


def _similarity(key: str, label: str) -> float:
    """From 0 to 1; short texts and codes are alike by accident, and count nothing."""
    shorter, longer = sorted((key, label), key=len)
    if len(shorter) < (6 if shorter.isascii() else 2) or re.search(r"\d$", label):
        return 0.0
    if shorter in longer:
        return 1.0
    share = SequenceMatcher(None, key, label).ratio()
    return share if share >= _SIMILAR else 0.0
