"""Google Forms: question titles as headers, option labels as answers.

A direct download stamps times as `2025/07/11 10:16:35 午前 GMT+9`, a linked sheet
as `2025/09/11 0:05:19` without a zone. A grid is a column a row, `Title [Row]`;
ticked options are joined by `;` or `, `. Titles repeat and get edited, so they
count only through a mapping. A form gives its responses no id and holds only those
that were sent.
"""

from collections.abc import Collection, Iterator

from panelstream.ingest.surveys import item_columns, survey_timestamps
from panelstream.ingest.surveys.file_types import export_file
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import Asked, Row, SurveyRow
from panelstream.ingest.surveys.mapping import SurveyMapping

TIMESTAMPS = ("タイムスタンプ", "Timestamp")
PERSONAL = frozenset(
    {"メールアドレス", "ユーザー名", "Email Address", "Email address", "Username"}
)


def recognises(export: Export) -> bool:
    """A form's first column is its timestamp."""
    return export.header[0] in TIMESTAMPS


def prepare(export: Export, mapping: SurveyMapping) -> Export:
    """A form needs no preparation."""
    return export


def personal(export: Export) -> Collection[str]:
    """The column of the e-mail addresses that a form may collect."""
    return PERSONAL


def plumbing(export: Export, mapping: SurveyMapping) -> Collection[str]:
    """The time, which stands first, whatever its language."""
    return {export.header[0]}


def variant(export: Export) -> str:
    """Times with an offset come from the form itself, others from its sheet."""
    zoned = any("GMT" in record[0] for _, record in export.rows())
    return "direct download" if zoned else "linked sheet"


def rows(export: Export, asked: Asked) -> Iterator[Row]:
    """Yield the responses; raises `FileError` with row and column."""
    person = export_file.column_of(export, asked.mapping.person, "the person")
    held = item_columns.columns(export, asked, plumbing(export, asked.mapping))
    at = survey_timestamps.instants(
        export, 0, [(n, r[0]) for n, r in export.rows()], asked
    )
    for number, record in export.rows():
        yield SurveyRow(
            number=number,
            person=record[person].strip(),
            responded_at=at[number],
            answers=held.answers(record),
            finished=True,
        )
