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
)
from panelstream.ingest.surveys.item_columns import find_answer_columns
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.ingest.surveys.survey_timestamps import parse_timestamps

_TIMESTAMPS = ("タイムスタンプ", "Timestamp")
_PERSONAL = frozenset(
    {"メールアドレス", "ユーザー名", "Email Address", "Email address", "Username"}
)


class GoogleForms(Importer):
    """A form's responses, downloaded or from its sheet."""

    def recognises(self, export: Export) -> bool:
        """A form's first column is its timestamp."""
        return export.header[0] in _TIMESTAMPS

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
