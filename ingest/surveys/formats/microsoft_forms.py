"""Microsoft Forms: a workbook with question titles as headers, option labels as answers.

Each response has a number, which begins at 1 in every form, and the times of its
beginning and its end, in the zone of the form's owner. A form holds only responses
that were sent; ticked options are joined by `;`.
"""

from collections.abc import Collection, Iterator, Sequence

from panelstream.ingest.surveys.file_types.export_file import Export, require_column
from panelstream.ingest.surveys.formats.importer import (
    ImportContext,
    Importer,
    RequiredKey,
    RowOutcome,
    SurveyRow,
    normalize_text,
)
from panelstream.ingest.surveys.item_columns import find_answer_columns
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.ingest.surveys.survey_timestamps import parse_timestamps

_STARTED = frozenset(
    {
        *("Start time", "開始時刻", "Startzeit", "Heure de début", "Hora de inicio"),
        *(
            "Hora de início",
            "Ora di inizio",
            "Begintijd",
            "开始时间",
            "開始時間",
            "시작 시간",
        ),
    }
)
_COMPLETED = frozenset(
    {
        *("Completion time", "完了時刻", "Fertigstellungszeit", "Heure de fin"),
        *("Hora de finalización", "Hora de conclusão", "Ora di completamento"),
        *("Tijdstip van voltooien", "完成时间", "完成時間", "완료 시간"),
    }
)
_MODIFIED = frozenset(
    {
        *("Last modified time", "最終変更時刻", "Zeitpunkt der letzten Änderung"),
        *("Heure de la dernière modification", "Hora de la última modificación"),
        *("Language", "言語", "Sprache", "Langue", "Idioma"),
    }
)
_PERSONAL = frozenset(
    {
        *("Email", "メール", "E-Mail", "Adresse de messagerie", "Correo electrónico"),
        *("Posta elettronica", "E-mail", "电子邮件", "電子郵件", "전자 메일"),
        *("Name", "名前", "Nom", "Nombre", "Nome", "Naam", "名称", "名稱", "이름"),
    }
)


class MicrosoftForms(Importer):
    """A form's responses, as its workbook."""

    def recognises(self, export: Export) -> bool:
        """A number first, then the times of the beginning and the end."""
        first, *others = map(normalize_text, export.header)
        names = {*others[:3]}
        is_numbered = first.strip(".").upper() == "ID"
        return is_numbered and bool(names & _STARTED and names & _COMPLETED)

    def personal_columns(self, export: Export) -> Collection[str]:
        """The address and the name of the person."""
        return _PERSONAL

    def metadata_columns(
        self, export: Export, mapping: SurveyMapping
    ) -> Collection[str]:
        """The number and the times of the response."""
        names = _STARTED | _COMPLETED | _MODIFIED
        used = [title for title in export.header if normalize_text(title) in names]
        return {export.header[0], *used, *mapping.time_columns}

    def required_keys(self, export: Export) -> Sequence[RequiredKey]:
        """None: the form says when."""
        return []

    def variant(self, export: Export) -> str:
        """There is one kind."""
        return "responses"

    def read_rows(self, export: Export, context: ImportContext) -> Iterator[RowOutcome]:
        """Yield the responses."""
        mapping = context.mapping
        person = require_column(export, mapping.person, "the person")
        place = _time_column(export, mapping)
        metadata = self.metadata_columns(export, mapping)
        columns = find_answer_columns(export, context, metadata)
        cells = [(number, record[place]) for number, record in export.rows()]
        times = parse_timestamps(export, place, cells, context)
        yield from (*times.outcomes, *columns.questions)
        for number, record in export.rows():
            if number in times.by_row:
                yield SurveyRow(
                    number=number,
                    person=record[person].strip(),
                    responded_at=times.by_row[number],
                    answers=columns.answers(record),
                    response_id=record[0].strip(),
                    finished=True,
                )


def _time_column(export: Export, mapping: SurveyMapping) -> int:
    """When the person sent the form."""
    completed = [
        title for title in export.header if normalize_text(title) in _COMPLETED
    ]
    header = mapping.time_column() or next(iter(completed), "Completion time")
    return require_column(export, header, "the time of the answer")
