"""Questionnaires as data: items, scales, and how a missing answer is treated.

An instrument is a YAML file; adding one is adding a file. Items are keyed by
code, never by position or text, because reversed items differ between orderings
of the same questionnaire.
"""

from math import isfinite
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from models import yaml_files
from models.yaml_files import Document, Frozen

SHIPPED = Path(__file__).parent / "instruments"
Text = dict[str, str]


class Item(Frozen):
    """One question. `low` and `high` bound a numeric answer; `choices` list a coded one."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: Text = {}
    low: int | None = None
    high: int | None = None
    choices: dict[str, Text] = {}
    reversed: bool = False
    function: str | None = None
    """The platform function whose use this item asks about (self-report)."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Item":
        if bool(self.choices) == (self.low is not None and self.high is not None):
            raise ValueError("give either low and high, or choices")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must be below high")
        return self

    def accepts(self, answer: str) -> bool:
        """Whether `answer`, as coded text, is in range; an empty answer is missing."""
        if self.choices:
            return answer in self.choices
        try:
            return self._low <= int(answer) <= self._high
        except ValueError:
            return False

    @property
    def _low(self) -> int:
        assert self.low is not None
        return self.low

    @property
    def _high(self) -> int:
        assert self.high is not None
        return self.high


class MissingRule(Frozen):
    """At most `allowed` items may be missing; the rest are prorated."""

    allowed: int = Field(ge=0)
    basis: Literal["published", "ours"]
    reference: str = ""


class Scale(Frozen):
    """A score made of items, or one `delivered` ready-made without its items."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: Text = {}
    items: tuple[str, ...] = ()
    method: Literal["sum", "mean"] = "sum"
    missing: MissingRule = MissingRule(allowed=0, basis="ours")
    delivered: bool = False
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _items_or_delivered(self) -> "Scale":
        if self.delivered == bool(self.items):
            raise ValueError("list the items, or say delivered: true")
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
    items: tuple[Item, ...] = ()
    scales: tuple[Scale, ...] = ()
    bands: tuple[Band, ...] = ()

    @model_validator(mode="after")
    def _codes_exist(self) -> "Instrument":
        known = [item.code for item in self.items]
        for scale in self.scales:
            for code in scale.items:
                if code not in known:
                    remedy = yaml_files.nearest(code, known)
                    raise ValueError(f"scale {scale.code}: no item '{code}'; {remedy}")
        return self

    @property
    def score_columns(self) -> list[str]:
        """The panel's columns for the scales: `<instrument>_<scale>`."""
        return [f"{self.instrument}_{scale.code}" for scale in self.scales]

    @property
    def codes(self) -> list[str]:
        """What an import may hold: item codes, then codes of delivered scales."""
        delivered = [scale.code for scale in self.scales if scale.delivered]
        return [item.code for item in self.items] + delivered

    def accepts(self, code: str, answer: str) -> bool:
        """Whether `answer` is in range for the item or delivered scale `code`."""
        for item in self.items:
            if item.code == code:
                return item.accepts(answer)
        scale = next(s for s in self.scales if s.code == code and s.delivered)
        return _within(answer, scale.low, scale.high)


def find(name: str, folder: Path) -> Document[Instrument]:
    """Read the instrument `name`: a path inside `folder`, or one that is shipped.

    Raises `FileError` where the file is missing or wrong.
    """
    return yaml_files.read(yaml_files.locate(name, folder, SHIPPED), Instrument)


def self_reports(instrument: Instrument) -> dict[str, str]:
    """Item code by platform function, for items that ask about use."""
    return {item.function: item.code for item in instrument.items if item.function}


def _within(answer: str, low: float | None, high: float | None) -> bool:
    try:
        value = float(answer)
    except ValueError:
        return False
    above = low is None or value >= low
    return isfinite(value) and above and (high is None or value <= high)
