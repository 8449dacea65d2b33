"""Google Forms: question titles as headers, option labels as answers.

A direct download stamps times as `2025/07/11 10:16:35 午前 GMT+9`, a linked sheet
as `2025/09/11 0:05:19` without a zone. A grid is a column a row, `Title [Row]`;
ticked options are joined by `;` or `, `. Titles repeat and get edited, so they
count only through a mapping. A form gives its responses no id and holds only those
that were sent.
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

_TIMESTAMPS = frozenset(
    {
        *("タイムスタンプ", "Timestamp", "Zeitstempel", "Horodateur"),
        *("Marca temporal", "Carimbo de data/hora", "Informazioni cronologiche"),
        *("Tijdstempel", "Tidstempel", "Tidsstempel", "Tidspunkt", "Aikaleima"),
        *("Sygnatura czasowa", "Časové razítko", "Časová pečiatka", "Időbélyeg"),
        *("Отметка времени", "Позначка часу", "Zaman damgası", "Stempel waktu"),
        *("Dấu thời gian", "时间戳记", "時間戳記", "타임스탬프", "ประทับเวลา"),
    }
)
"""The first header of a form's responses, by the language of the form's owner."""
_PERSONAL = frozenset(
    {
        *("メールアドレス", "ユーザー名", "Email Address", "Email address", "Username"),
        *("E-Mail-Adresse", "Nutzername", "Adresse e-mail", "Nom d'utilisateur"),
        *("Dirección de correo electrónico", "Nombre de usuario", "E-mailadres"),
        *("Endereço de e-mail", "Nome de usuário", "Indirizzo email", "E-postadress"),
        *("电子邮件地址", "電子郵件地址", "用户名", "使用者名稱", "이메일 주소"),
    }
)


class GoogleForms(Importer):
    """A form's responses, downloaded or from its sheet."""

    def recognises(self, export: Export) -> bool:
        """A form's first column is its timestamp."""
        return normalize_text(export.header[0]) in _TIMESTAMPS

    def personal_columns(self, export: Export) -> Collection[str]:
        """The column of the e-mail addresses that a form may collect."""
        return _PERSONAL

    def metadata_columns(
        self, export: Export, mapping: SurveyMapping
    ) -> Collection[str]:
        """The time, which stands first, whatever its language."""
        return {export.header[0]}

    def required_keys(self, export: Export) -> Sequence[RequiredKey]:
        """None: the first column says when."""
        return []

    def variant(self, export: Export) -> str:
        """Times with an offset come from the form itself, others from its sheet."""
        zoned = any("GMT" in record[0] for _, record in export.rows())
        return "direct download" if zoned else "linked sheet"

    def read_rows(self, export: Export, context: ImportContext) -> Iterator[RowOutcome]:
        """Yield the responses."""
        mapping = context.mapping
        person = require_column(export, mapping.person, "the person")
        columns = find_answer_columns(
            export, context, self.metadata_columns(export, mapping)
        )
        times = parse_timestamps(
            export, 0, [(n, record[0]) for n, record in export.rows()], context
        )
        yield from (*times.outcomes, *columns.questions)
        for number, record in export.rows():
            if number in times.by_row:
                yield SurveyRow(
                    number=number,
                    person=record[person].strip(),
                    responded_at=times.by_row[number],
                    answers=columns.answers(record),
                    finished=True,
                )
