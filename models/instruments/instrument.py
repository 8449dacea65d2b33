"""Questionnaires as data: items, scales, and how a missing answer is treated.

An instrument is a YAML file; adding one is adding a file. Items are keyed by
code, never by position or text, because reversed items differ between orderings
of the same questionnaire.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from panelstream.models import config_file
from panelstream.models.config_file import Document, Frozen, Location

SHIPPED_INSTRUMENTS = Path(__file__).parent / "shipped"
Text = dict[str, str]

NOT_APPLICABLE: Text = {"en": "Not applicable", "ja": "該当しない"}
NO_OR_YES: tuple[Text, Text] = (
    {"en": "No", "ja": "いいえ"},
    {"en": "Yes", "ja": "はい"},
)


class Item(Frozen):
    """One question. `low` and `high` bound a numeric answer; `choices` list a coded one."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: Text = {}
    low: int | None = None
    high: int | None = None
    not_applicable: int | None = None
    """Code of the answer that the question does not apply; outside low to high."""
    choices: dict[str, Text] = {}
    reversed: bool = False
    function: str | None = None
    """The platform function whose use this item asks about (self-report)."""
    seconds: bool = False
    """Whether the answer is how many seconds the whole form took."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Item":
        bounds = (self.low is not None) + (self.high is not None)
        if bounds == 1 or bool(self.choices) == bool(bounds):
            raise ValueError("give either low and high, or choices")
        if self.choices and self.reversed:
            raise ValueError("reversed needs low and high")
        if self.choices and self.not_applicable is not None:
            raise ValueError("make 'not applicable' one of the choices")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must be below high")
        if self.not_applicable is not None and self._holds(self.not_applicable):
            raise ValueError("not_applicable must lie outside low to high")
        return self

    @property
    def is_numeric(self) -> bool:
        """Whether its answers are numbers, from `range[0]` to `range[1]`."""
        return not self.choices

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest answer of a numeric item."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    def accepts(self, answer: str) -> bool:
        """Whether `answer`, as coded text, may be given; an empty one is missing."""
        if self.choices:
            return answer in self.choices
        try:
            code = int(answer)
        except ValueError:
            return False
        return self._holds(code) or code == self.not_applicable

    def _holds(self, code: int) -> bool:
        low, high = self.range
        return low <= code <= high


class MissingRule(Frozen):
    """At most `allowed` items may be missing; the rest are prorated."""

    allowed: int = Field(ge=0)
    basis: Literal["published", "ours"]
    reference: str = ""


class Scale(Frozen):
    """A score made of items, or one `delivered` ready-made without its items.

    `sum` and `mean` are of the items, turned where they are reversed; `count` is
    how many of them reach `at_least`, `any` whether one does (1 or 0).
    """

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: Text = {}
    items: tuple[str, ...] = ()
    method: Literal["sum", "mean", "count", "any"] = "sum"
    at_least: int = 1
    missing: MissingRule = MissingRule(allowed=0, basis="ours")
    safety: bool = False
    """Counted for each wave in the report, whatever becomes of the other scores."""
    delivered: bool = False
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _items_or_delivered(self) -> "Scale":
        if self.delivered == bool(self.items):
            raise ValueError("list the items, or say delivered: true")
        if self.items and (self.low is not None or self.high is not None):
            raise ValueError("low and high are for a delivered score; remove them")
        return self


class Band(Frozen):
    """A named range of a scale's values, both ends included."""

    scale: str
    low: float
    high: float
    label: Text


class Instrument(Frozen):
    """A questionnaire: what is asked, and what is made of the answers."""

    instrument: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Text
    reference: str
    licence: str
    where: str = ""
    """Where to get the wording, when it may not be reproduced here."""
    period: Text = {}
    """The time that the questions ask about."""
    answers: dict[int, Text] = {}
    """Labels of numeric answers, of every item whose range holds them."""
    items: tuple[Item, ...] = ()
    scales: tuple[Scale, ...] = ()
    bands: tuple[Band, ...] = ()

    @property
    def score_columns(self) -> list[str]:
        """The panel's columns for the scales: `<instrument>_<scale>`."""
        return [self.column(scale) for scale in self.scales]

    @property
    def codes(self) -> list[str]:
        """What an import may hold: item codes, then codes of delivered scales."""
        delivered = [scale.code for scale in self.scales if scale.delivered]
        return [item.code for item in self.items] + delivered

    def column(self, scale: Scale) -> str:
        """The panel's column of a scale."""
        return f"{self.instrument}_{scale.code}"

    def items_of(self, scale: Scale) -> tuple[Item, ...]:
        """The items of a scale, in its order."""
        by_code = {item.code: item for item in self.items}
        return tuple(by_code[code] for code in scale.items)

    def bands_of(self, scale: Scale) -> tuple[Band, ...]:
        """The named ranges of a scale, from the lowest."""
        return tuple(band for band in self.bands if band.scale == scale.code)

    def bounds(self, scale: Scale) -> tuple[float, float] | None:
        """Lowest and highest possible score; None for one delivered without them."""
        if scale.low is not None and scale.high is not None:
            return scale.low, scale.high
        if scale.delivered:
            return None
        match scale.method:
            case "any":
                return 0, 1
            case "count":
                return 0, len(scale.items)
        low, high = zip(*(item.range for item in self.items_of(scale)), strict=True)
        size = len(scale.items) if scale.method == "mean" else 1
        return sum(low) / size, sum(high) / size

    def accepts(self, code: str, answer: str) -> bool:
        """Whether `answer` is in range for the item or delivered scale `code`."""
        for item in self.items:
            if item.code == code:
                return item.accepts(answer)
        scale = next(s for s in self.scales if s.code == code and s.delivered)
        return _within(answer, scale.low, scale.high)

    def labels(self, item: Item) -> dict[str, Text]:
        """What the coded answers of an item are called, as far as the file says."""
        if item.choices:
            return item.choices
        low, high = item.range
        named = {str(c): t for c, t in self.answers.items() if low <= c <= high}
        missing = item.not_applicable
        return named if missing is None else {**named, str(missing): NOT_APPLICABLE}

    def value_labels(self, language: str = "en") -> dict[str, dict[int, str]]:
        """Labels of the numbers in the panel's columns, for those that have any."""
        labels: dict[str, dict[int, Text]] = {}
        for scale in self.scales:
            if scale.method == "any":
                labels[self.column(scale)] = dict(enumerate(NO_OR_YES))
            elif len(scale.items) == 1:
                labels[self.column(scale)] = self._scored_labels(scale)
        for function, code in self_reports(self).items():
            [item] = [item for item in self.items if item.code == code]
            labels[f"{function}_self_report"] = {
                int(answer): text for answer, text in self.labels(item).items()
            }
        return {
            column: {code: text[language] for code, text in texts.items()}
            for column, texts in labels.items()
            if texts and all(language in text for text in texts.values())
        }

    def _scored_labels(self, scale: Scale) -> dict[int, Text]:
        """Labels of a score that is a single answer; a reversed one is turned."""
        [item] = self.items_of(scale)
        if scale.method == "count":
            return {}
        low, high = item.range
        turned = {
            low + high - c if item.reversed else c: c for c in range(low, high + 1)
        }
        labels = {
            score: self.answers[answer]
            for score, answer in turned.items()
            if answer in self.answers
        }
        return dict(sorted(labels.items()))


def find_instrument(
    name: str, folder: Path, text: str | None = None
) -> Document[Instrument]:
    """Read the instrument `name`: a path inside `folder`, or one that is shipped.

    Or its `text` where that was kept.

    Raises `FileError` (file, line, remedy) where the file is missing or wrong.
    """
    path = config_file.locate_config(name, folder, SHIPPED_INSTRUMENTS, text)
    document = config_file.read_config(path, Instrument, text)
    for location, problem in _problems(document.value):
        raise document.error(location, problem)
    return document


def shipped_instruments() -> list[Instrument]:
    """All instruments that come with panelstream, by name."""
    names = sorted(path.stem for path in SHIPPED_INSTRUMENTS.glob("*.yaml"))
    return [find_instrument(name, SHIPPED_INSTRUMENTS).value for name in names]


def self_reports(instrument: Instrument) -> dict[str, str]:
    """Item code by platform function, for items that ask about use."""
    return {item.function: item.code for item in instrument.items if item.function}


_Problem = tuple[Location, str]


def _problems(instrument: Instrument) -> Iterator[_Problem]:
    """What is wrong between the parts of a file, each with its place."""
    yield from _repeated("items", [item.code for item in instrument.items])
    yield from _repeated("scales", [scale.code for scale in instrument.scales])
    for code in instrument.answers:
        ranges = [item.range for item in instrument.items if item.is_numeric]
        if not any(low <= code <= high for low, high in ranges):
            yield ["answers", str(code)], f"no item has {code} in its range"
    for at, scale in enumerate(instrument.scales):
        yield from _problems_of_scale(instrument, scale, ["scales", at])
    yield from _problems_of_bands(instrument)


def _repeated(part: str, codes: Sequence[str]) -> Iterator[_Problem]:
    for at, code in enumerate(codes):
        if code in codes[:at]:
            yield [part, at, "code"], f"duplicate code '{code}'; rename one"


def _problems_of_scale(
    instrument: Instrument, scale: Scale, place: Location
) -> Iterator[_Problem]:
    items = {item.code: item for item in instrument.items}
    for at, code in enumerate(scale.items):
        location = [*place, "items", at]
        if code not in items:
            remedy = config_file.nearest(code, list(items))
            yield location, f"scale {scale.code}: no item '{code}'; {remedy}"
        elif code in scale.items[:at]:
            yield location, f"scale {scale.code}: duplicate item '{code}'"
        elif not items[code].is_numeric:
            yield (
                location,
                f"item '{code}' has no numbers to score; give it low and high",
            )
        elif scale.method == "sum" and items[code].not_applicable is not None:
            yield location, f"item '{code}' may not apply to all; use method: mean"
    if scale.items and scale.missing.allowed >= len(scale.items):
        allowed = f"fewer than {len(scale.items)}, the number of items"
        yield [*place, "missing", "allowed"], f"allow {allowed}"


def _problems_of_bands(instrument: Instrument) -> Iterator[_Problem]:
    scales = {scale.code: scale for scale in instrument.scales}
    for at, band in enumerate(instrument.bands):
        location: Location = ["bands", at]
        if band.scale not in scales:
            remedy = config_file.nearest(band.scale, list(scales))
            yield [*location, "scale"], f"no scale '{band.scale}'; {remedy}"
        elif band.low > band.high:
            yield [*location, "low"], "low must not be above high"
    for scale in instrument.scales:
        places = [i for i, b in enumerate(instrument.bands) if b.scale == scale.code]
        yield from _gaps(instrument, scale, places)


def _gaps(
    instrument: Instrument, scale: Scale, places: Sequence[int]
) -> Iterator[_Problem]:
    """Bands go upwards, without overlap, from the lowest score to the highest.

    Between two bands there may be 1, so that 0 to 4 and 5 to 9 follow one another.
    """
    bands = instrument.bands
    for lower, at in pairwise(places):
        if bands[at].low <= bands[lower].high:
            yield ["bands", at, "low"], f"overlaps the band to {bands[lower].high:g}"
        elif bands[at].low > bands[lower].high + 1:
            yield ["bands", at, "low"], f"no band from {bands[lower].high:g} to here"
    bounds = instrument.bounds(scale)
    if places and bounds:
        low, high = bounds
        if bands[places[0]].low > low:
            yield ["bands", places[0], "low"], f"scores begin at {low:g}"
        if bands[places[-1]].high < high:
            yield ["bands", places[-1], "high"], f"scores go up to {high:g}"


def _within(answer: str, low: float | None, high: float | None) -> bool:
    try:
        value = float(answer)
    except ValueError:
        return False
    above = low is None or value >= low
    return isfinite(value) and above and (high is None or value <= high)
