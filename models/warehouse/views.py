"""The views that readers query: those of every study, and those of its catalogue.

Pure: from a catalogue and a time zone to statements. Every column is declared with
its type and a comment, so that the engine itself tells what it means.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from panelstream.models.events.catalogue import (
    ALL_EVENTS,
    Catalogue,
    EventView,
)
from panelstream.models.events.field_kinds import KINDS, FieldRule
from panelstream.models.timestamps import LATEST

_FOLDER = Path(__file__).parent / "sql" / "views"
_END_OF_TIME = f"{LATEST:%Y-%m-%d %H:%M:%S}"


@dataclass(frozen=True)
class ViewColumn:
    """A column of a view: what it is called, holds and means; from what it is made."""

    name: str
    type: str
    comment: str
    value: str

    @property
    def declared(self) -> str:
        """The column as a statement declares it."""
        return f"    {self.name} {self.type} comment {_quoted(self.comment)}"

    @property
    def selected(self) -> str:
        """The column as the view's query selects it."""
        same = self.value == self.name
        return f"    {self.name}" if same else f"    {self.value} as {self.name}"


def view_statements(catalogue: Catalogue, timezone: str) -> list[str]:
    """The statements that create every view again; days are those of `timezone`.

    A reader gives a view no parameters, so their values stand in it as literals.
    """
    texts = [path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.sql"))]
    shipped = [_filled(text, timezone) for text in texts]
    of_catalogue = [
        _statement(name, view, catalogue) for name, view in catalogue.views.items()
    ]
    return [*shipped, *of_catalogue]


def _filled(text: str, timezone: str) -> str:
    literals = {
        "{zone:String}": _quoted(timezone),
        "{end_of_time:DateTime64(6)}": _quoted(_END_OF_TIME),
    }
    for parameter, literal in literals.items():
        text = text.replace(parameter, literal)
    return text


def _statement(name: str, view: EventView, catalogue: Catalogue) -> str:
    columns = [*_of_every_event(), *_of_fields(view, catalogue)]
    return "\n".join(
        [
            f"create or replace view {name}",
            "(",
            ",\n".join(column.declared for column in columns),
            ")",
            "as",
            "select",
            ",\n".join(column.selected for column in columns),
            f"from {ALL_EVENTS}",
            f"where event_type in ({', '.join(map(_quoted, view.types))})",
            f"comment {_quoted(view.comment)}",
        ]
    )


def _of_every_event() -> Iterator[ViewColumn]:
    word, instant = "LowCardinality(String)", "DateTime64(6, 'UTC')"
    for name, kind, comment in (
        ("participant_id", "String", "Pseudonym, 32 hex digits"),
        ("event_type", word, "CloudEvents type, as in the catalogue"),
        ("occurred_at", instant, "When the act took place, as sent"),
        ("occurred_on", "Date", "Study-local day of the act"),
        ("recorded_at", instant, "When it became part of the log"),
        ("source", word, "CloudEvents source; with id, the identity of the event"),
        ("id", "String", "CloudEvents id, unique within the source"),
    ):
        yield ViewColumn(name, kind, comment, name)


def _of_fields(view: EventView, catalogue: Catalogue) -> Iterator[ViewColumn]:
    types = [catalogue.types[name] for name in view.types]
    for field in dict.fromkeys(
        field for event_type in types for field in event_type.data
    ):
        rules = [
            event_type.data[field] for event_type in types if field in event_type.data
        ]
        always = len(rules) == len(types) and all(rule.required for rule in rules)
        yield field_column(field, rules, always)


def field_column(field: str, rules: Sequence[FieldRule], always: bool) -> ViewColumn:
    """The column of a field with one rule a type; null where an event has none.

    `always`: whether every event of the view has the field.
    """
    kind = KINDS[rules[0].kind]
    nullable = kind.nullable and not always
    sql_type = f"Nullable({kind.sql_type})" if nullable else kind.sql_type
    return ViewColumn(
        name=field,
        type=f"LowCardinality({sql_type})" if kind.low_cardinality else sql_type,
        comment=_comment(field, rules) + ("; null: not given" if nullable else ""),
        value=kind.sql_value(_quoted(field), _quoted(sql_type)),
    )


def _comment(field: str, rules: Sequence[FieldRule]) -> str:
    meaning = next((rule.comment for rule in rules if rule.comment), f"Field {field}")
    choices = dict.fromkeys(choice for rule in rules for choice in rule.choices)
    description = f"{KINDS[rules[0].kind].description} {', '.join(choices)}".rstrip()
    return f"{meaning}: {description}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
