"""A survey tool's file as a table of text: a header and records, whatever it was.

CSV, XLSX, SPSS and Stata files all come out the same, so that an importer need not
know how its export was saved. What a file is, its first bytes say: exports are
often renamed, and some tools wrap a single file in a ZIP archive.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from panelstream.ingest.surveys.file_types.delimited_text import read_delimited_text
from panelstream.ingest.surveys.file_types.even_table import even_table
from panelstream.ingest.surveys.file_types.spss_stata import read_spss_stata
from panelstream.ingest.surveys.file_types.xlsx import read_workbook
from panelstream.models.errors import FileError

_SPSS = (b"$FL2", b"$FL3")
_STATA, _OLD_STATA = b"<stata_dta>", re.compile(rb"[\x69-\x73][\x01\x02]\x01")
"""Before release 117 a release number, a byte order and a 1."""
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_WORKBOOK = "[Content_Types].xml"


@dataclass(frozen=True)
class Export:
    """A file's header and records, as text; records begin at `first_row`.

    A header that repeats is `title`, `title#2`, ... so that a mapping can name each;
    `numbers` are the file's own, 1-based, of the columns. `titles` are longer names of
    columns, `value_labels` what their codes are called, by header and as far as the
    file says.
    """

    path: Path
    header: Sequence[str]
    records: Sequence[Sequence[str]]
    numbers: Sequence[int]
    first_row: int = 2
    encoding: str = ""
    sha256: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    value_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    delimiter: str = ""
    """What stands between the cells of a text file."""
    declared_decimal: str | None = None
    """What the mapping says stands between the whole and the parts of a number."""
    timezone: str = ""
    """Where the file says that times without an offset were written."""

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """The records that hold anything, with their 1-based row in the file."""
        for number, record in enumerate(self.records, start=self.first_row):
            if any(record):
                yield number, record

    def place(self, header: str) -> int | None:
        """The place of a header, if the file has it."""
        return list(self.header).index(header) if header in self.header else None

    def column(self, place: int) -> str:
        """Where a column stands, in the words of an error."""
        return f"column {self.numbers[place]}"

    def renamed(self, names: Mapping[str, str]) -> "Export":
        """The same file under other headers, for those that `names` has."""
        header = [names.get(title, title) for title in self.header]
        return replace(
            self,
            header=header,
            titles={names.get(k, k): v for k, v in self.titles.items()},
            value_labels={names.get(k, k): v for k, v in self.value_labels.items()},
        )

    def without(self, headers: Collection[str]) -> "Export":
        """The same file without some of its columns."""
        places = [i for i, title in enumerate(self.header) if title not in headers]
        records = [
            [record[i] for i in places] if record else [] for record in self.records
        ]
        return replace(
            self,
            header=[self.header[i] for i in places],
            records=records,
            numbers=[self.numbers[i] for i in places],
        )

    def from_record(self, index: int) -> "Export":
        """The same file with its first `index` records left out."""
        return replace(
            self, records=self.records[index:], first_row=self.first_row + index
        )


@dataclass(frozen=True)
class FileForm:
    """What a mapping says of a file before it can be read; None: the file tells."""

    encoding: str | None = None
    sheet: str | None = None
    decimal: str | None = None


def read_export_file(path: Path, form: FileForm | None = None) -> Export:
    """Read a file: text with delimiters, XLSX, SPSS or Stata.

    Raises `FileError` for a file that is missing, empty, uneven or of another kind.
    """
    content = _content(path)
    contents = _read_contents(path, *_opened(path, content), form or FileForm())
    table = even_table(path, contents.rows)
    note = f", without the row numbers of column {table.index}" if table.index else ""
    return Export(
        path,
        table.header,
        table.records,
        table.numbers,
        table.first_row,
        contents.encoding + note,
        hashlib.sha256(content).hexdigest(),
        contents.titles,
        contents.value_labels,
        contents.delimiter,
        form.decimal if form else None,
    )


@dataclass(frozen=True)
class _Contents:
    """The rows of a file as they are, and what its kind says besides."""

    rows: Sequence[Sequence[str]]
    encoding: str
    delimiter: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    value_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def _read_contents(path: Path, kind: str, content: bytes, form: FileForm) -> _Contents:
    match kind:
        case "xlsx":
            return _Contents(read_workbook(path, content, form.sheet), "XLSX")
        case "spss" | "stata":
            rows, titles, labels = read_spss_stata(path, kind, content)
            name = "SPSS" if kind == "spss" else "Stata"
            return _Contents(rows, name, titles=titles, value_labels=labels)
        case _:
            text = read_delimited_text(path, content, form.encoding)
            return _Contents(text.rows, text.encoding, text.delimiter)


def require_column(export: Export, name: str, purpose: str) -> int:
    """The place of a header; raises `FileError`, with its purpose, if there is none."""
    place = export.place(name)
    if place is None:
        # What stands there instead may be somebody's data, if the headers are missing.
        problem = f"no column '{name}' for {purpose}; row 1 must hold the headers"
        raise FileError(export.path, "row 1", problem)
    return place


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(path, "", f"cannot be read: {error.strerror}") from None


def _opened(path: Path, content: bytes) -> tuple[str, bytes]:
    if content.startswith(_OLD_EXCEL):
        raise FileError(path, "", "an old Excel file; save it as .xlsx or CSV")
    if not zipfile.is_zipfile(io.BytesIO(content)):
        if content.startswith(_ZIP):
            problem = "a damaged or half-copied workbook or archive; save it again"
            raise FileError(path, "", problem)
        return _kind(content), content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if _WORKBOOK in names:
            return "xlsx", content
        files = [n for n in names if not n.endswith("/") and "__MACOSX" not in n]
        if len(files) != 1:
            problem = (
                f"an archive of {len(files)} files; unpack it and give one of them"
            )
            raise FileError(path, "", problem)
        return _opened(path, archive.read(files[0]))


def _kind(content: bytes) -> str:
    if content.startswith(_SPSS):
        return "spss"
    stata = content.startswith(_STATA) or _OLD_STATA.match(content)
    return "stata" if stata else "delimited"
