"""Text files: where a row ends, what separates cells, which encoding it is."""

from pathlib import Path

import pytest

from panelstream.ingest.surveys.file_types.delimited_text import read_delimited_text
from panelstream.ingest.surveys.file_types.export_file import (
    Export,
    FileForm,
    read_export_file,
)
from panelstream.models.errors import FileError

CANARY = "canary7f3a"


def read(folder: Path, content: str | bytes, form: FileForm | None = None) -> Export:
    """The table of a file with these bytes, or this text in UTF-8."""
    path = folder / "export.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_export_file(path, form)


@pytest.mark.parametrize(
    "line", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;", "sep=;;;", "sep=;\r"]
)
def test_line_for_excel_is_no_header(tmp_path: Path, line: str) -> None:
    """The line before the headers names the delimiter; rows keep the file's numbers."""
    export = read(tmp_path, f"{line}\nid;note\nx;1,5\ny;a,b,c\n")
    assert list(export.header) == ["id", "note"]
    assert list(export.rows()) == [(3, ["x", "1,5"]), (4, ["y", "a,b,c"])]


def test_line_for_excel_may_name_any_delimiter(tmp_path: Path) -> None:
    """Also one that is not recognised by itself."""
    export = read(tmp_path, "sep=|\nid|note\nx|a;b,c\n")
    assert list(export.rows()) == [(3, ["x", "a;b,c"])]


@pytest.mark.parametrize(
    "note",
    [
        "first, second, third, fourth\nfifth; sixth; seventh; eighth",
        "a,b,c,d\nx,2026-01-01,1,z\n\nand so on",
        'he said ""well, yes, no, perhaps""\n1,2,3,4',
    ],
)
def test_comment_of_several_lines_is_a_cell(tmp_path: Path, note: str) -> None:
    """A file with as many cells in each row as headers is right, whatever they hold."""
    export = read(tmp_path, f'id,at,a,note\nx,t,1,"{note}"\ny,t,2,\n')
    assert list(export.rows()) == [
        (2, ["x", "t", "1", note.replace('""', '"')]),
        (3, ["y", "t", "2", ""]),
    ]


@pytest.mark.parametrize(
    ("rows", "row"),
    [
        (f'x,t,1,"{CANARY}\ny,t,2,z\n', 2),
        (f'x,t,1,"{CANARY}\ny,t,2,z\nw,t,1,"fine"\n', 2),
        (f'x,t,1,"a, b, c\nd, e, f, g"\ny,t,1,"{CANARY}\nz,t,2,z\nw,t,1,"fine"\n', 3),
    ],
)
def test_stray_quote_has_its_row(tmp_path: Path, rows: str, row: int) -> None:
    """Where a quote swallows the rows below, that row is named and nothing shown."""
    with pytest.raises(FileError, match=rf"row {row}: a quote") as caught:
        read(tmp_path, f"id,at,a,note\n{rows}")
    assert CANARY not in str(caught.value)


def test_uneven_row_beside_comments_is_uneven(tmp_path: Path) -> None:
    """A comment of several lines is not blamed for a row that lacks a cell."""
    with pytest.raises(FileError, match="row 3: 2 cells under 4 headers"):
        read(tmp_path, 'id,at,a,note\nx,t,1,"a,b,c,d\ne,f,g,h"\ny,t\n')


TEXTS = [
    ("cp932", "id,性別\nx,男性\n", "Windows Japanese"),
    ("cp932", "U2plusのID,気分\nx,ﾊﾟﾆｯｸ\n", "Windows Japanese"),
    ("cp1252", "id,note\nx,Größe für Übung\n", "Windows-1252"),
    ("cp1252", "id,note\nx,José Pérez\n", "Windows-1252"),
    ("cp1252", "id,note\nx,“très bien”\ny,ça ira\n", "Windows-1252"),
    ("utf-16", "id\tnote\nx\té\n", "UTF-16"),
    ("utf-8-sig", "id,note\nx,Größe\n", "UTF-8 with BOM"),
]


@pytest.mark.parametrize(("encoding", "text", "name"), TEXTS)
def test_clear_encoding_is_recognised(
    tmp_path: Path, encoding: str, text: str, name: str
) -> None:
    """Bytes that are a text of one encoding only are read in it."""
    result = read_delimited_text(tmp_path / "a.csv", text.encode(encoding))
    assert result.encoding == name
    assert [result.delimiter.join(row) for row in result.rows] == text.splitlines()


UNCLEAR = [
    ("cp1252", "id,note\nx,ÄRZTE\n", ("windows-31j", "windows-1252")),
    ("cp932", "id,note\nx,ﾄﾒ\n", ("windows-31j", "windows-1252")),
    ("mac_roman", "id,note\nx,für Größe\n", ("mac-roman",)),
    ("euc_jp", "id,note\nx,こころの健康\n", ("euc-jp",)),
    ("utf-16-le", "id,note\nx,yes\n", ("utf-16-le",)),
    ("utf-16-be", "id,note\nx,yes\n", ("utf-16-be",)),
]


@pytest.mark.parametrize(("encoding", "text", "names"), UNCLEAR)
def test_unclear_encoding_is_asked_and_can_be_declared(
    tmp_path: Path, encoding: str, text: str, names: tuple[str, ...]
) -> None:
    """Bytes of several encodings, or of a rare one: the mapping says which it is."""
    content = text.encode(encoding)
    with pytest.raises(FileError, match="in the mapping") as caught:
        read(tmp_path, content)
    assert text.splitlines()[1].partition(",")[2] not in str(caught.value)
    for name in names:
        assert f"encoding: {name}" in caught.value.problem
    export = read(tmp_path, content, FileForm(encoding=encoding))
    rows = [",".join(row) for row in (export.header, *export.records)]
    assert rows == text.splitlines()


def test_declared_encoding_must_fit(tmp_path: Path) -> None:
    """The line of the first byte that is not in it."""
    content = f"id,note\nx,1\ny,{CANARY}é\n".encode("cp1252")
    with pytest.raises(FileError, match="line 3: not in the encoding") as caught:
        read(tmp_path, content, FileForm(encoding="utf-8"))
    assert CANARY not in str(caught.value)


def test_index_without_a_header_is_left_out(tmp_path: Path) -> None:
    """Row names of R and the index of pandas; columns keep their numbers."""
    for cells in (("1", "2"), ("0", "1"), ("17", "4")):
        rows = [f"{cell},x{cell},3\n" for cell in cells]
        export = read(tmp_path, f'"",id,a\n{"".join(rows)}')
        assert list(export.header) == ["id", "a"]
        assert export.column(0) == "column 2"
        assert "row numbers of column 1" in export.encoding


@pytest.mark.parametrize("cells", [("1", "1"), ("a", "b"), ("1", "")])
def test_other_column_without_a_header_is_refused(
    tmp_path: Path, cells: tuple[str, str]
) -> None:
    """What does not number the rows may be answers."""
    rows = [f"{cell},x\n" for cell in cells]
    with pytest.raises(FileError, match="column 1: answers without a header"):
        read(tmp_path, f",id\n{''.join(rows)}")


def test_blank_cells_at_the_end_are_nothing(tmp_path: Path) -> None:
    """Columns and rows that a spreadsheet adds, in the header or below it."""
    export = read(tmp_path, "id,a,,\nx,1\ny,2,,,,\n,,\n   ,\n")
    assert list(export.header) == ["id", "a"]
    assert list(export.rows()) == [(2, ["x", "1"]), (3, ["y", "2"])]


def test_blank_lines_above_the_header_are_nothing(tmp_path: Path) -> None:
    """The first line that holds anything has the headers."""
    export = read(tmp_path, "\n,\nid,a\nx,1\n")
    assert list(export.rows()) == [(4, ["x", "1"])]


def test_long_cell_is_read(tmp_path: Path) -> None:
    """A cell may be longer than 131,072 characters; a quote never closed has its row."""
    note = "x" * 140_000
    export = read(tmp_path, f'id,note\nx,"{note}"\n')
    assert list(export.rows()) == [(2, ["x", note])]
    with pytest.raises(FileError, match="row 1: a quote"):
        read(tmp_path, 'id,"note\n' + "x,1\n" * 40_000)


def test_blank_line_before_the_headers(tmp_path: Path) -> None:
    """The first row that holds anything says what the delimiter is."""
    export = read(tmp_path, "\n\nid;note\nx;1\n")
    assert list(export.rows()) == [(4, ["x", "1"])]
