"""The views that readers query: those of every study, and those of its catalogue.

Pure: from a study with what it names to statements. Every column is declared with
its type and a comment, so that the engine itself tells what it means.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from panelstream.models.events.catalogue import (
    ALL_EVENTS,
    Catalogue,
    EventView,
)
from panelstream.models.events.field_kinds import KINDS, FieldRule
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.study.folder import StudyFolder
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.act_parameters import lost, taken_back
from panelstream.models.warehouse.statements import (
    Relations,
    quoted,
    read_statement,
    statement_names,
    with_relations,
)

OPERATOR = "operator_"
"""How the names of the views begin that show more than the study's population."""
_END_OF_TIME = f"{LATEST:%Y-%m-%d %H:%M:%S}"
_OCCURRED_AT = (
    "When the act took place, as sent, but for clocks that the study corrects"
)
_PARAMETER = re.compile(r"\{(\w+):([^}]+)\}")
_TABLE = re.compile(r"^create table if not exists (\w+)", re.MULTILINE)
_RELATIONS: Mapping[str, Relations] = {
    "study_events": {"permitted": "permitted"},
    "study_daily_use": {
        "log": "study_log",
        "acts": "acts",
        "taking_back": "study_taking_back",
        "withdrawn_acts": "withdrawn_acts",
        "own_windows": "own_windows",
        "permitted": "permitted",
    },
    "sessions": {
        "log": "consented_log",
        "acts": "acts",
        "runs": "sessions",
    },
}
"""What views read of `sql/relations`."""


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
        return f"    {self.name} {self.type} comment {quoted(self.comment)}"

    @property
    def selected(self) -> str:
        """The column as the view's query selects it."""
        same = self.value == self.name
        return f"    {self.name}" if same else f"    {self.value} as {self.name}"


_PERSON_AND_WAVE = (
    ViewColumn(
        "participant_id",
        "String",
        "Pseudonym, 32 hex digits",
        "lower(hex(panel_rows.participant_id))",
    ),
    ViewColumn("wave", "UInt16", "Wave", "wave"),
)
_OF_PANEL = (
    *_PERSON_AND_WAVE,
    *(
        ViewColumn(name, "Nullable(DateTime64(6, 'UTC'))", comment, name)
        for name, comment in {
            "responded_at": "When the answer was sent; null: not answered",
            "window_start": "First instant of the window; null: no window",
            "window_end": "First instant after it; null: no window",
        }.items()
    ),
)
_OF_SCORES = (
    *_PERSON_AND_WAVE,
    ViewColumn(
        "responded_at",
        "DateTime64(6, 'UTC')",
        "When the questionnaire was sent in",
        "assumeNotNull(panel_rows.responded_at)",
    ),
    ViewColumn("instrument", "LowCardinality(String)", "Questionnaire", "named.1"),
    ViewColumn("score", "LowCardinality(String)", "Score of the instrument", "named.2"),
    ViewColumn(
        "value",
        "Nullable(Float64)",
        "Score; null: too many items missing, or one not asked in the wave",
        "if(mapContains(numbers, named.3), numbers[named.3], null)",
    ),
    ViewColumn(
        "items_missing",
        "UInt16",
        "Items that were not answered",
        "toUInt16(numbers[concat(named.3, '_missing')])",
    ),
    ViewColumn(
        "prorated",
        "Bool",
        "Whether the score stands in for missing items",
        "numbers[concat(named.3, '_prorated')] = 1",
    ),
)


def view_statements(folder: StudyFolder) -> list[str]:
    """The statements that create every view again but for `panel`, as the study has them.

    A reader gives a view no parameters, so their values stand in it as literals.
    """
    literals = _literals(folder)
    shipped = [_filled(_shipped(name), literals) for name in statement_names("views")]
    of_catalogue = [
        _catalogue_view(name, view, folder.catalogue)
        for name, view in folder.catalogue.views.items()
    ]
    return [*shipped, _scores_view(folder.instruments), *of_catalogue]


def panel_view(columns: Iterable[ViewColumn]) -> str:
    """The statement that creates the view `panel` with these columns."""
    return _view(
        "panel",
        [*_OF_PANEL, *columns, *_of_every_build()],
        f"from panel_rows final\nwhere build = {_newest('panel')}",
        "Newest panel of the study's own window; one row a participant and wave",
    )


def panel_column(name: str, is_text: bool, comment: str) -> ViewColumn:
    """A column of the panel that is stored by its name; null where it has no value."""
    column, values = quoted(name), "texts" if is_text else "numbers"
    value = f"if(mapContains({values}, {column}), {values}[{column}], null)"
    sql_type = "Nullable(String)" if is_text else "Nullable(Float64)"
    return ViewColumn(_named(name), sql_type, comment, value)


def operator_relations() -> frozenset[str]:
    """The tables and views that are not for analysts: the raw ones."""
    tables = filter(None, map(_TABLE.search, _migrations()))
    views = (name for name in statement_names("views") if name.startswith(OPERATOR))
    as_of = (f"{name}_as_of" for name in statement_names("as_of"))
    return frozenset({*(table[1] for table in tables), *views, *as_of})


def _migrations() -> Iterator[str]:
    for name in statement_names("migrations"):
        yield read_statement(f"migrations/{name}")


def _shipped(name: str) -> str:
    """A view of `sql/views` with the relations that it reads."""
    text = read_statement(f"views/{name}")
    if name not in _RELATIONS:
        return text
    head, query = text.split("\nas\n", 1)
    return f"{head}\nas\n{with_relations(query, _RELATIONS[name])}"


def _literals(folder: StudyFolder) -> Mapping[str, str]:
    """SQL for the value of each parameter."""
    study = folder.study
    texts = {
        "zone": study.timezone,
        "end_of_time": _END_OF_TIME,
        "own_window": study.own_window.name,
        "people_from": "",
        "people_until": "f" * 32,
    }
    arrays = {
        "functions": list(study.exposure.functions),
        **taken_back(folder),
        **lost(study),
    }
    literals = {name: quoted(text) for name, text in texts.items()}
    return literals | {name: _array(values) for name, values in arrays.items()}


def _filled(text: str, literals: Mapping[str, str]) -> str:
    """`text` with literals in the place of its parameters."""
    return _PARAMETER.sub(
        lambda parameter: _literal(literals[parameter[1]], parameter[2]), text
    )


def _literal(value: str, sql_type: str) -> str:
    is_array = sql_type.startswith("Array")
    return f"cast({value}, {quoted(sql_type)})" if is_array else value


def _array(values: Iterable[str | int]) -> str:
    literals = (
        quoted(value) if isinstance(value, str) else str(value) for value in values
    )
    return f"[{', '.join(literals)}]"


def _scores_view(instruments: Sequence[Instrument]) -> str:
    """Scores of the newest panel, one row each: the panel's columns, turned."""
    scores = ", ".join(
        "(" + ", ".join(map(quoted, names)) + ")"
        for instrument in instruments
        for names in _score_names(instrument)
    )
    query = (
        f"from panel_rows final\narray join cast([{scores}], "
        "'Array(Tuple(String, String, String))') as named\n"
        f"where build = {_newest('panel')} and panel_rows.responded_at is not null"
    )
    return _view(
        "scores",
        [*_OF_SCORES, *_of_every_build()],
        query,
        "Scores that the panel counts; one row a participant, wave and score",
    )


def _score_names(instrument: Instrument) -> Iterator[tuple[str, str, str]]:
    """Instrument, score and the panel's column of each scale."""
    for scale in instrument.scales:
        yield instrument.instrument, scale.code, instrument.column(scale)


def _of_every_build() -> Iterator[ViewColumn]:
    for name, kind, comment in (
        ("study_version", "String", "Version of the study file, as in study_versions"),
        ("as_of", "DateTime64(6, 'UTC')", "State of knowledge"),
    ):
        yield ViewColumn(name, kind, comment, name)


def _newest(projection: str) -> str:
    """The build of a projection that readers see."""
    newest = "select argMax(build, (as_of, finished_at)) from projection_builds final"
    finished = "finished_at > toDateTime64(0, 6, 'UTC')"
    return f"({newest} where projection = {quoted(projection)} and {finished})"


def _catalogue_view(name: str, view: EventView, catalogue: Catalogue) -> str:
    columns = [*_of_every_event(), *_of_fields(view, catalogue)]
    types = ", ".join(map(quoted, view.types))
    query = f"from {ALL_EVENTS}\nwhere event_type in ({types})"
    return _view(name, columns, query, view.comment)


def _view(name: str, columns: Sequence[ViewColumn], query: str, comment: str) -> str:
    """The statement of a view for analysts: it may be read without what is below it."""
    return "\n".join(
        [
            f"create or replace view {name}",
            "(",
            ",\n".join(column.declared for column in columns),
            ")",
            "sql security definer",
            "as",
            "select",
            ",\n".join(column.selected for column in columns),
            query,
            f"comment {quoted(comment)}",
        ]
    )


def _of_every_event() -> Iterator[ViewColumn]:
    word, instant = "LowCardinality(String)", "DateTime64(6, 'UTC')"
    for name, kind, comment in (
        ("participant_id", "String", "Pseudonym, 32 hex digits"),
        ("event_type", word, "CloudEvents type, as in the catalogue"),
        ("occurred_at", instant, _OCCURRED_AT),
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
        value=kind.sql_value(quoted(field), quoted(sql_type)),
    )


def _comment(field: str, rules: Sequence[FieldRule]) -> str:
    meaning = next((rule.comment for rule in rules if rule.comment), f"Field {field}")
    choices = dict.fromkeys(choice for rule in rules for choice in rule.choices)
    description = f"{KINDS[rules[0].kind].description} {', '.join(choices)}".rstrip()
    return f"{meaning}: {description}"


def _named(name: str) -> str:
    return f"`{name}`"
