"""What one field of an event's data may hold: its rule in a catalogue, and its kind.

A kind is one class here and one line in `KINDS`. Whatever depends on the kind of a
field asks its object: the strict decoder, the JSON Schema, the views that readers
query, and the column decoder. No other file names a kind.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticKnownError

from panelstream.models.config_file import Frozen
from panelstream.models.timestamps import parse_instant

if TYPE_CHECKING:  # heavy; the commands that decode nothing start without it
    import pyarrow as pa

JsonSchema = dict[str, Any]

SLUG = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
"""A time with an offset, as far as a pattern can say."""

_SLUG = re.compile(SLUG.strip("^$"))
_PLAIN_WORDS = re.compile(r"[A-Za-z0-9_. +-]+")


def _check_kind(name: str) -> str:
    if name not in KINDS:
        names = [f"'{kind}'" for kind in KINDS]
        expected = f"{', '.join(names[:-1])} or {names[-1]}"
        raise PydanticKnownError("literal_error", {"expected": expected})
    return name


class FieldRule(Frozen):
    """What one field of an event's data may hold.

    `slug` is a short lower-case name, never a sentence; `slugs` a list of them;
    `answers` are coded answers by item, which the study's instruments check.
    """

    kind: Annotated[str, AfterValidator(_check_kind)]
    """A key of `KINDS`."""
    choices: tuple[str, ...] = ()
    low: int = -(2**53)
    high: int = 2**53
    required: bool = True
    comment: str = ""
    """What it says, with its unit: the comment of the column of a view."""

    @model_validator(mode="after")
    def _choices_are_plain(self) -> "FieldRule":
        if KINDS[self.kind].has_choices != bool(self.choices):
            raise ValueError("choices go with kind: one_of, and only with it")
        if not all(_PLAIN_WORDS.fullmatch(choice) for choice in self.choices):
            raise ValueError(
                "choices are plain words: letters, digits, _ . + - and spaces"
            )
        return self

    def accepts(self, value: Any) -> bool:
        """Whether a decoded JSON value fits."""
        return KINDS[self.kind].accepts(value, self)


class FieldKind(ABC):
    """A kind of field that the strict decoder checks, value by value."""

    has_choices: ClassVar[bool] = False
    study_events_only: ClassVar[bool] = False
    """Whether no type of a platform's own catalogue may have such a field."""
    nullable: ClassVar[bool] = True
    """Whether a column is null where the field is absent; ClickHouse has no null array."""
    low_cardinality: ClassVar[bool] = False

    @property
    @abstractmethod
    def description(self) -> str:
        """What a value is, for the comment of a column; choices follow it."""

    @property
    @abstractmethod
    def sql_type(self) -> str:
        """The ClickHouse type of a column that is never null."""

    @abstractmethod
    def accepts(self, value: Any, rule: FieldRule) -> bool:
        """Whether a decoded JSON value fits the rule."""

    @abstractmethod
    def json_schema(self, rule: FieldRule) -> JsonSchema:
        """The JSON Schema (2020-12) of the values that `accepts` takes."""

    def sql_value(self, field: str, sql_type: str) -> str:
        """The SQL expression that takes the field from the column `data`.

        `field` and the result's `sql_type` are quoted SQL strings.
        """
        return f"JSONExtract(data, {field}, {sql_type})"

    def arrow_type(self) -> "pa.DataType | None":
        """The type under which Arrow parses the field; None: as it cannot.

        Either way the strict decoder decides. With a type, an event of this kind does
        not cost the other lines of its chunk the column decoder.
        """
        return None


class ColumnarKind(FieldKind):
    """A kind of field that the column decoder checks for many events at once.

    It must take exactly what `accepts` takes, and a value's JSON text must be its text
    in Arrow (in quotes, for a `str`).
    """

    @property
    @abstractmethod
    def python_type(self) -> type[str] | type[int] | type[bool]:
        """The type of a decoded JSON value."""

    def arrow_type(self) -> "pa.DataType":
        """The type of Arrow; a number beyond 64 bits goes to the strict decoder."""
        import pyarrow as pa

        types = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
        return types[self.python_type]

    @abstractmethod
    def arrow_check(self, values: "pa.Array", rule: FieldRule) -> "pa.BooleanArray":
        """Which values fit the rule, null where one is absent."""


class ChoiceKind(ColumnarKind):
    """One of `choices`."""

    has_choices = True
    low_cardinality = True
    description = "one of"
    sql_type = "String"
    python_type = str

    def accepts(self, value: Any, rule: FieldRule) -> bool:
        """A choice, letter by letter."""
        return isinstance(value, str) and value in rule.choices

    def json_schema(self, rule: FieldRule) -> JsonSchema:
        """The choices."""
        return {"type": "string", "enum": list(rule.choices)}

    def arrow_check(self, values: "pa.Array", rule: FieldRule) -> "pa.BooleanArray":
        """Which are choices."""
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.is_in(values, pa.array(rule.choices, pa.string()))


class IntegerKind(ColumnarKind):
    """A whole number from `low` to `high`."""

    description = "a whole number"
    sql_type = "Int64"
    python_type = int

    def accepts(self, value: Any, rule: FieldRule) -> bool:
        """1.0 is no whole number, and true none either."""
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return is_integer and rule.low <= value <= rule.high

    def json_schema(self, rule: FieldRule) -> JsonSchema:
        """The limits."""
        return {"type": "integer", "minimum": rule.low, "maximum": rule.high}

    def arrow_check(self, values: "pa.Array", rule: FieldRule) -> "pa.BooleanArray":
        """Which are in range."""
        import pyarrow.compute as pc

        return pc.and_(
            pc.greater_equal(values, rule.low), pc.less_equal(values, rule.high)
        )


class BooleanKind(ColumnarKind):
    """true or false."""

    description = "true or false"
    sql_type = "Bool"
    python_type = bool

    def accepts(self, value: Any, rule: FieldRule) -> bool:
        """0 and 1 are numbers."""
        return isinstance(value, bool)

    def json_schema(self, rule: FieldRule) -> JsonSchema:
        """Both values."""
        return {"type": "boolean"}

    def arrow_check(self, values: "pa.Array", rule: FieldRule) -> "pa.BooleanArray":
        """All that there are."""
        import pyarrow.compute as pc

        return pc.is_valid(values)


class SlugKind(ColumnarKind):
    """A short lower-case name, never a sentence."""

    low_cardinality = True
    description = "a short name"
    sql_type = "String"
    python_type = str

    def accepts(self, value: Any, rule: FieldRule) -> bool:
        """A text of the pattern."""
        return _is_slug(value)

    def json_schema(self, rule: FieldRule) -> JsonSchema:
        """The pattern."""
        return {"type": "string", "pattern": SLUG}

    def arrow_check(self, values: "pa.Array", rule: FieldRule) -> "pa.BooleanArray":
        """Which match the pattern."""
        import pyarrow.compute as pc

        return pc.match_substring_regex(values, SLUG)


class SlugListKind(FieldKind):
    """A list of short names; it may be empty."""

    nullable = False
    description = "short names"
    sql_type = "Array(String)"

    def accepts(self, value: Any, rule: FieldRule) -> bool:
        """A list of nothing else."""
        return isinstance(value, list) and all(map(_is_slug, value))

    def json_schema(self, rule: FieldRule) -> JsonSchema:
        """The pattern of each."""
        return {"type": "array", "items": {"type": "string", "pattern": SLUG}}

    def arrow_type(self) -> "pa.DataType":
        """A list of texts."""
        import pyarrow as pa

        return pa.list_(pa.string())


class InstantKind(FieldKind):
    """A time with an offset."""

    description = "an instant, UTC"
    sql_type = "DateTime64(6, 'UTC')"

    def accepts(self, value: Any, rule: FieldRule) -> bool:
        """A text in the format of RFC 3339 whose time exists."""
        return isinstance(value, str) and parse_instant(value) is not None

    def json_schema(self, rule: FieldRule) -> JsonSchema:
        """The pattern; that the time exists, no schema can say."""
        return {"type": "string", "format": "date-time", "pattern": INSTANT}

    def sql_value(self, field: str, sql_type: str) -> str:
        """Parsed, whatever the offset."""
        text = f"JSONExtractString(data, {field})"
        return f"parseDateTime64BestEffortOrNull({text}, 6, 'UTC')"

    def arrow_type(self) -> "pa.DataType":
        """Text."""
        import pyarrow as pa

        return pa.string()


class AnswersKind(FieldKind):
    """Coded answers by item, of `study.response_submitted`; instruments check them."""

    study_events_only = True
    description = "coded answers by item, as JSON"
    sql_type = "String"

    def accepts(self, value: Any, rule: FieldRule) -> bool:
        """At least one answer."""
        return isinstance(value, dict) and bool(value)

    def json_schema(self, rule: FieldRule) -> JsonSchema:
        """At least one answer; which there may be, the study's instruments say."""
        return {"type": "object", "minProperties": 1}

    def sql_value(self, field: str, sql_type: str) -> str:
        """The text of the object, as it was stored."""
        return f"nullIf(JSONExtractRaw(data, {field}), '')"


KINDS: Mapping[str, FieldKind] = {
    "one_of": ChoiceKind(),
    "integer": IntegerKind(),
    "boolean": BooleanKind(),
    "slug": SlugKind(),
    "slugs": SlugListKind(),
    "instant": InstantKind(),
    "answers": AnswersKind(),
}


def _is_slug(value: Any) -> bool:
    return isinstance(value, str) and _SLUG.fullmatch(value) is not None
