"""LimeSurvey: question codes or texts as headers, answer codes or labels as answers.

`submitdate` is blank in a response that was not finished: the last action, else the
start says when then. A survey that keeps no dates writes 1980-01-01 for all.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.file_types.export_file import Export, require_column
from panelstream.ingest.surveys.formats.importer import (
    WAVE_OPENS,
    ImportContext,
    Importer,
    RequiredKey,
    RowOutcome,
    SurveyRow,
    normalize_text,
)
from panelstream.ingest.surveys.item_columns import find_answer_columns
from panelstream.ingest.surveys.mapping import WAVE_DAY, SurveyMapping
from panelstream.ingest.surveys.survey_timestamps import Timestamps, parse_timestamps

_CODES: Mapping[str, str] = {
    **{"Response ID": "id", "Antwort ID": "id", "回答ID": "id"},
    **{"Date submitted": "submitdate", "Datum Abgeschickt": "submitdate"},
    **{"Last page": "lastpage", "Letzte Seite": "lastpage"},
    **{"Start language": "startlanguage", "Start-Sprache": "startlanguage"},
    **{"Seed": "seed", "Zufallsstartwert": "seed"},
    **{"Token": "token", "Access code": "token", "Zugangscode": "token"},
    **{"Date started": "startdate", "Datum gestartet": "startdate"},
    **{"Date last action": "datestamp", "Datum letzte Aktivität": "datestamp"},
    **{"IP address": "ipaddr", "IP-Adresse": "ipaddr"},
    **{"Referrer URL": "refurl", "Weiterleitungs-URL": "refurl"},
    **{"Total time": "interviewtime", "Gesamtzeit": "interviewtime"},
    **{"First name": "firstname", "Last name": "lastname", "Email address": "email"},
}
"""By the text of a column of LimeSurvey's own its code."""
_PERSONAL = frozenset({"ipaddr", "firstname", "lastname", "email"})
_METADATA = frozenset(_CODES.values()) - _PERSONAL
_TIMES = ("submitdate", "datestamp", "startdate")
_UNDATED = "1980-01-01"


class LimeSurvey(Importer):
    """A survey's responses, under codes, texts or both."""

    def recognises(self, export: Export) -> bool:
        """The response's number, its date and its last page."""
        return {"id", "submitdate", "lastpage"} <= {*map(_code, export.header)}

    def prepare(self, export: Export, mapping: SurveyMapping) -> Export:
        """LimeSurvey's own columns under their codes, but for those the mapping names."""
        names = {
            header: _code(header)
            for header in export.header
            if header not in mapping.headers
        }
        return export.renamed(names)

    def personal_columns(self, export: Export) -> Collection[str]:
        """The address of the computer, name and e-mail of the invited person."""
        return _PERSONAL

    def metadata_columns(
        self, export: Export, mapping: SurveyMapping
    ) -> Collection[str]:
        """What LimeSurvey adds to each response."""
        return {*_METADATA, *mapping.time_columns}

    def required_keys(self, export: Export) -> Sequence[RequiredKey]:
        """None: the survey says when."""
        return []

    def variant(self, export: Export) -> str:
        """Whether unfinished responses may be among them."""
        place = export.place("submitdate")
        dates = [r[place] for _, r in export.rows()] if place is not None else []
        return "all responses" if not all(dates) else "completed responses"

    def read_rows(self, export: Export, context: ImportContext) -> Iterator[RowOutcome]:
        """Yield the responses."""
        person = require_column(export, context.mapping.person, "the person")
        response = require_column(export, "id", "the response")
        finished = require_column(export, "submitdate", "the time of the answer")
        metadata = self.metadata_columns(export, context.mapping)
        columns = find_answer_columns(export, context, metadata)
        times = _times(export, context)
        yield from (*columns.questions, *times.outcomes)
        for number, record in export.rows():
            if number in times.by_row:
                yield SurveyRow(
                    number=number,
                    person=record[person].strip(),
                    responded_at=times.by_row[number],
                    answers=columns.answers(record),
                    response_id=record[response].strip(),
                    finished=bool(record[finished].strip()),
                )


def _times(export: Export, context: ImportContext) -> Timestamps:
    """When each response was sent, else last worked on, else begun."""
    numbers = [number for number, _ in export.rows()]
    if context.mapping.submitted_at == WAVE_DAY:
        return Timestamps(dict.fromkeys(numbers, WAVE_OPENS), ())
    named = context.mapping.time_column()
    headers = [named] if named else [h for h in _TIMES if export.place(h) is not None]
    places = [require_column(export, h, "the time of the answer") for h in headers]
    cells: dict[int, list[tuple[int, str]]] = {}
    for number, record in export.rows():
        place = next((p for p in places if record[p].strip()), places[0])
        cells.setdefault(place, []).append((number, record[place].strip()))
    columns = [
        parse_timestamps(export, place, texts, context)
        for place, texts in cells.items()
    ]
    by_row = {n: at for column in columns for n, at in column.by_row.items()}
    outcomes = [outcome for column in columns for outcome in column.outcomes]
    return Timestamps(by_row, (*outcomes, *_undated(export, cells)))


def _undated(
    export: Export, cells: Mapping[int, Sequence[tuple[int, str]]]
) -> Iterator[Question]:
    for place, texts in cells.items():
        number = sum(text.startswith(_UNDATED) for _, text in texts)
        if number:
            yield Question(
                export.column(place),
                f"{number} times are the one that LimeSurvey writes if it keeps no dates",
                "write submitted_at: wave in the mapping for the first day of the wave",
            )


def _code(header: str) -> str:
    """`submitdate`, of `Date submitted` and of `submitdate. Date submitted`."""
    title = normalize_text(header)
    code = title.partition(". ")[0]
    known = {*_CODES.values()}
    return code if code in known else _CODES.get(title, header)
