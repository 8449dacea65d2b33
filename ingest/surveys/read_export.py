"""A survey tool's export to rows of coded answers: the door for personal data.

What names or locates a person is removed before anything else is looked at. What
happens to the rows then, `ingest.surveys.responses` knows.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from panelstream.ingest.person_ids import require_sound_ids
from panelstream.ingest.pseudonymise import normalize_id
from panelstream.ingest.questions import Question
from panelstream.ingest.surveys.answer_checks import (
    odd_people,
    refuse_wrong_people,
    unusable_answers,
)
from panelstream.ingest.surveys.coding_checks import check_codings
from panelstream.ingest.surveys.file_facts import file_facts, zone_of_times
from panelstream.ingest.surveys.file_types.export_file import Export, read_export_file
from panelstream.ingest.surveys.formats.generic_table import GenericTable
from panelstream.ingest.surveys.formats.google_forms import GoogleForms
from panelstream.ingest.surveys.formats.importer import (
    ExcludedRow,
    ImportContext,
    Importer,
    ImportProblem,
    ImportSummary,
    Items,
    RowOutcome,
    StudyWaves,
    SurveyRow,
    looks_personal,
)
from panelstream.ingest.surveys.formats.limesurvey import LimeSurvey
from panelstream.ingest.surveys.formats.microsoft_forms import MicrosoftForms
from panelstream.ingest.surveys.formats.qualtrics import Qualtrics
from panelstream.ingest.surveys.formats.redcap import Redcap
from panelstream.ingest.surveys.mapping import PERSON, SurveyFormat, SurveyMapping
from panelstream.ingest.surveys.wave_rule import (
    assign_waves,
    find_wave_rule,
    wave_questions,
)
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Instrument
from panelstream.models.study.study import Wave

FORMATS: Mapping[SurveyFormat, Importer] = {
    "google_forms": GoogleForms(),
    "microsoft_forms": MicrosoftForms(),
    "limesurvey": LimeSurvey(),
    "qualtrics": Qualtrics(),
    "redcap": Redcap(),
    "plain": GenericTable(),
}
"""In the order in which they are tried on a file."""


@dataclass(frozen=True)
class SurveyExport:
    """What an export holds: responses in the order of the file, and what is set apart."""

    summary: ImportSummary
    rows: tuple[SurveyRow, ...]
    set_apart: tuple[ImportProblem, ...]
    tells_waves: bool
    """Whether the file tells the wave of each row, not the import."""


def items_by_column(instruments: Sequence[Instrument]) -> Items:
    """Items by their code, delivered scales by their score's name."""
    items: dict[str, tuple[Instrument, str]] = {}
    for instrument in instruments:
        items |= {item.code: (instrument, item.code) for item in instrument.items}
        for scale in instrument.scales:
            if scale.delivered:
                items[instrument.column(scale)] = (instrument, scale.code)
    return items


def read_survey_export(
    path: Path,
    wave: int | None,
    items: Items,
    mapping: SurveyMapping,
    study_zone: ZoneInfo,
    linked: bool = False,
    waves: Sequence[Wave] = (),
) -> SurveyExport:
    """Read the rows of a wave of an export; None: of every wave that it names itself.

    `linked`: a link file relates its people to platform ids; `waves`: the study's.
    Raises `FileError` with place and remedy, never with the value of a cell.
    """
    file = _open_file(path, mapping, linked)
    export, importer = file.export, file.importer
    zone = zone_of_times(export, mapping, study_zone)
    study = StudyWaves(tuple(waves), study_zone)
    context = ImportContext(mapping, items, zone, wave, study)
    every = list(_with_sound_ids(export, mapping, importer.read_rows(export, context)))
    refuse_wrong_people(export, context, _responses(every))
    rule = find_wave_rule(export, context, every)
    outcomes = assign_waves(export, context, rule, every)
    rows = tuple(importer.complete_rows(export, _responses(outcomes), context))
    questions = (
        *(outcome for outcome in outcomes if isinstance(outcome, Question)),
        *wave_questions(export, context, rule, rows),
        *check_codings(export, context, rows),
        *odd_people(context, rows),
        *unusable_answers(context, rows),
    )
    problems = tuple(row for row in outcomes if isinstance(row, ImportProblem))
    excluded = _count_excluded(outcomes)
    summary = _summarize(file, context, rows, excluded, questions)
    return SurveyExport(summary, rows, problems, rule is not None)


@dataclass(frozen=True)
class _OpenFile:
    """An export as its importer reads it, without personal data."""

    export: Export
    format: SurveyFormat
    dropped: tuple[str, ...]
    """Headers of the columns that were removed."""
    header: str
    """Hash of the headers as the file has them."""

    @property
    def importer(self) -> Importer:
        return FORMATS[self.format]


def _open_file(path: Path, mapping: SurveyMapping, linked: bool) -> _OpenFile:
    table = read_export_file(path, mapping.file_form)
    name = mapping.format or detect_format(table)
    prepared = FORMATS[name].prepare(table, mapping)
    export, dropped = _without_personal_data(prepared, FORMATS[name], mapping, linked)
    _require_person(export, mapping)
    return _OpenFile(export, name, dropped, hash_header(table.header))


def _summarize(
    file: _OpenFile,
    context: ImportContext,
    rows: Sequence[SurveyRow],
    excluded: Mapping[str, int],
    questions: tuple[Question, ...],
) -> ImportSummary:
    export, mapping = file.export, context.mapping
    return ImportSummary(
        origin=export.path.name,
        sha256=export.sha256,
        header=file.header,
        format=file.format,
        variant=file.importer.variant(export),
        encoding=export.encoding,
        timezone=str(context.zone),
        coding=mapping.coding,
        mapping=mapping.hash,
        rows=len(list(export.rows())),
        items=_count_items(context, rows),
        excluded=excluded,
        dropped=file.dropped,
        ignored=tuple(header for header in export.header if header in mapping.ignore),
        waves=dict(sorted(Counter(row.wave or 0 for row in rows).items())),
        facts=tuple(file_facts(export, context, rows)),
        questions=questions,
    )


def _responses(outcomes: Iterable[RowOutcome]) -> tuple[SurveyRow, ...]:
    return tuple(outcome for outcome in outcomes if isinstance(outcome, SurveyRow))


def _with_sound_ids(
    export: Export, mapping: SurveyMapping, outcomes: Iterable[RowOutcome]
) -> Iterator[RowOutcome]:
    """Responses under normalized ids; an id that a spreadsheet has rounded stops."""
    ids = []
    for outcome in outcomes:
        if isinstance(outcome, SurveyRow):
            ids.append((outcome.number, outcome.person))
            yield replace(outcome, person=normalize_id(outcome.person))
        else:
            yield outcome
    require_sound_ids(export.path, mapping.person, ids)


def _require_person(export: Export, mapping: SurveyMapping) -> None:
    """Without any mapping, headers must be what the study calls things."""
    if mapping == SurveyMapping() and PERSON not in export.header:
        problem = (
            f"no column '{PERSON}' for the person; row 1 must hold the headers, and a "
            f"mapping says what they mean: 'panelstream responses map {export.path.name}' "
            "drafts it"
        )
        raise FileError(export.path, "row 1", problem)


def hash_header(header: Sequence[str]) -> str:
    """The same for files with the same headers in the same order."""
    return hashlib.sha256("\x1f".join(header).encode()).hexdigest()


def detect_format(export: Export) -> SurveyFormat:
    """The format that a file is in, by its headers."""
    return next(
        name for name, importer in FORMATS.items() if importer.recognises(export)
    )


def _without_personal_data(
    export: Export, importer: Importer, mapping: SurveyMapping, linked: bool
) -> tuple[Export, tuple[str, ...]]:
    """The export without its personal columns, and their headers.

    Only the column that identifies the person stays. An address in it is nobody's id on
    the platform: without links it is refused.
    """
    personal, person = importer.personal_columns(export), mapping.person
    dropped = tuple(header for header in export.header if header in personal)
    if not linked and (person in dropped or looks_personal(person)):
        problem = (
            f"'{person}' is no platform id; give a link file (survey_id,platform_id)"
        )
        raise FileError(export.path, "mapping", problem)
    return export.without({*dropped} - {person}), dropped


def _count_items(context: ImportContext, rows: Sequence[SurveyRow]) -> dict[str, int]:
    codes = {code for row in rows for code in row.answers}
    counts = Counter(context.items[code][0].instrument for code in codes)
    return {name: counts[name] for name in sorted(counts)}


def _count_excluded(outcomes: Sequence[RowOutcome]) -> dict[str, int]:
    rows = {(o.row, o.reason) for o in outcomes if isinstance(o, ExcludedRow)}
    return dict(Counter(reason for _, reason in sorted(rows)))
