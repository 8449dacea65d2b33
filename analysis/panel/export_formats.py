"""The panel as a file, in each format with what it can say of its columns.

The same panel and as-of give the same bytes. Stata and SPSS have no words but in
labels: what was answered in words becomes a code with its label there, and an
instant is UTC without saying so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
from pandas.api.types import is_numeric_dtype

from panelstream.analysis.panel import codebook
from panelstream.analysis.panel.codebook import CodebookEntry, Values
from panelstream.models.study.folder import StudyFolder

_STATA_LABEL = 80
_SPSS_NAME, _SPSS_LABEL, _SPSS_VALUE_LABEL, _SPSS_TITLE = 64, 255, 120, 64
_SPSS_CREATED = slice(92, 109)
"""Where a .sav file says when it was made: 9 bytes of date, 8 of time."""

_ELLIPSIS = "…"


@dataclass(frozen=True)
class DescribedPanel:
    """A panel, its columns in words, what it is called and what it was known at."""

    panel: pd.DataFrame
    entries: tuple[CodebookEntry, ...]
    title: str
    as_of: datetime

    def names(self, limit: int) -> list[str]:
        """The columns' names where a format allows so many characters."""
        return [codebook.short_name(entry.column, limit) for entry in self.entries]


def describe_panel(
    folder: StudyFolder, panel: pd.DataFrame, as_of: datetime
) -> DescribedPanel:
    """The panel of a study with what there is to say of it."""
    entries = tuple(codebook.codebook_entries(folder, panel))
    title = f"{folder.study.study} as of {as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return DescribedPanel(panel, entries, title, as_of.astimezone(UTC))


def write_panel(described: DescribedPanel, path: Path) -> None:
    """Write the panel in the format that the ending of `path` names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(WRITERS[path.suffix](described))


def to_parquet(described: DescribedPanel) -> bytes:
    """Parquet; each field's metadata hold what the codebook says of the column."""
    table = pa.Table.from_pandas(described.panel, preserve_index=False)
    fields = [
        field.with_metadata(_words(entry))
        for field, entry in zip(table.schema, described.entries, strict=True)
    ]
    sink = pa.BufferOutputStream()
    schema = pa.schema(fields, table.schema.metadata)
    pq.write_table(table.cast(schema), sink, compression="zstd")
    return bytes(sink.getvalue())


def to_csv(described: DescribedPanel) -> bytes:
    """CSV in UTF-8: instants in UTC, nothing where a value is missing."""
    text = described.panel.to_csv(index=False, lineterminator="\n")
    return str(text).encode()


def to_stata(described: DescribedPanel) -> bytes:
    """Stata; instants to the millisecond, names and labels cut to what it allows."""
    names, sink = described.names(codebook.STATA_NAME), BytesIO()
    frame = _coded(described, names)
    frame.to_stata(
        sink,
        write_index=False,
        version=118,  # Stata 14 and later: UTF-8
        time_stamp=described.as_of.replace(tzinfo=None),
        data_label=_cut(described.title, _STATA_LABEL),
        convert_dates=dict.fromkeys(frame.select_dtypes("datetime"), "tc"),
        variable_labels={
            name: _cut(entry.meaning, _STATA_LABEL)
            for name, entry in zip(names, described.entries, strict=True)
        },
        value_labels={
            name: {float(code): text for code, text in _labels(entry.values).items()}
            for name, entry in zip(names, described.entries, strict=True)
            if entry.values
        },
    )
    return sink.getvalue()


def to_spss(described: DescribedPanel) -> bytes:
    """SPSS; the file says that it was made at the as-of."""
    names, entries = described.names(_SPSS_NAME), described.entries
    with TemporaryDirectory() as folder:
        path = Path(folder) / "panel.sav"
        pyreadstat.write_sav(
            _coded(described, names),
            path,
            file_label=_cut_bytes(described.title, _SPSS_TITLE),
            column_labels=[_cut_bytes(entry.meaning, _SPSS_LABEL) for entry in entries],
            variable_value_labels={
                name: _spss_labels(entry.values)
                for name, entry in zip(names, entries, strict=True)
                if entry.values
            },
        )
        written = bytearray(path.read_bytes())
    written[_SPSS_CREATED] = f"{described.as_of:%d %b %y%H:%M:%S}".encode()
    return bytes(written)


WRITERS: Mapping[str, Callable[[DescribedPanel], bytes]] = {
    ".parquet": to_parquet,
    ".csv": to_csv,
    ".dta": to_stata,
    ".sav": to_spss,
}


def _words(entry: CodebookEntry) -> dict[str, str]:
    texts = {
        "description": entry.meaning,
        "unit": entry.unit,
        "values": codebook.format_values(entry.values),
        "null": entry.null,
        "source": entry.source,
    }
    return {name: text for name, text in texts.items() if text}


def _coded(described: DescribedPanel, names: list[str]) -> pd.DataFrame:
    """The panel under these names, with codes for words and instants without zone."""
    columns = [
        _plain(described.panel[entry.column], entry.values)
        for entry in described.entries
    ]
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


def _plain(column: pd.Series, values: Values) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        plain: pd.Series = column.dt.tz_convert(None)
        return plain
    if values and not is_numeric_dtype(column):
        return column.map(_codes(values)).astype(float)
    return column


def _spss_labels(values: Values) -> dict[int | float, str]:
    return {
        code: _cut_bytes(text, _SPSS_VALUE_LABEL)
        for code, text in _labels(values).items()
    }


def _labels(values: Values) -> dict[int, str]:
    return {number: values[code] for code, number in _codes(values).items()}


def _codes(values: Values) -> dict[str, int]:
    """The numbers that stand for coded values: as they are, else from 1."""
    if all(code.isdecimal() for code in values):
        return {code: int(code) for code in values}
    return {code: number for number, code in enumerate(values, start=1)}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + _ELLIPSIS


def _cut_bytes(text: str, limit: int) -> str:
    """Cut to so many bytes of UTF-8."""
    if len(text.encode()) <= limit:
        return text
    start = text.encode()[: limit - len(_ELLIPSIS.encode())]
    return start.decode(errors="ignore").rstrip() + _ELLIPSIS
