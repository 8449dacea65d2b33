"""Small survey exports for tests: text, or SPSS files with value labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyreadstat

from panelstream.ingest.surveys.mapping import read_mapping
from panelstream.ingest.surveys.read_export import (
    SurveyExport,
    items_by_column,
    read_survey_export,
)
from panelstream.models.instruments.instrument import Instrument, find_instrument

INSTRUMENTS = [
    find_instrument(name, Path()).value
    for name in ("phq9", "pdd", "ghsq", "ahsq", "demographics")
]
HEAD = "platform_id,submitted_at"
AT = "2026-03-01T00:00:00Z"
TOKYO = ZoneInfo("Asia/Tokyo")


def read_text(
    folder: Path,
    content: str,
    mapping: str = "",
    instruments: Sequence[Instrument] = INSTRUMENTS,
) -> SurveyExport:
    """The import of a CSV file under a mapping."""
    path = folder / "wave1.csv"
    path.write_text(content, encoding="utf-8")
    return _read(path, mapping, instruments)


def read_columns(
    folder: Path,
    columns: Mapping[str, Sequence[str]],
    mapping: str = "",
    instruments: Sequence[Instrument] = INSTRUMENTS,
) -> SurveyExport:
    """The import of cells by header, a row a person."""
    count = max(map(len, columns.values()))
    table = {"platform_id": [f"p{n}" for n in range(count)], "submitted_at": AT}
    path = folder / "wave1.csv"
    pd.DataFrame(table | dict(columns)).to_csv(path, index=False)
    return _read(path, mapping, instruments)


def read_labelled(
    folder: Path,
    columns: Mapping[str, Sequence[float]],
    labels: Mapping[str, Mapping[int, str]],
    mapping: str = "",
    instruments: Sequence[Instrument] = INSTRUMENTS,
) -> SurveyExport:
    """The import of an SPSS file of these codes and their labels, by header."""
    count = max(map(len, columns.values()))
    table = {"platform_id": [f"p{n}" for n in range(count)], "submitted_at": AT}
    path = folder / "wave1.sav"
    shared: dict[str, Any] = {"variable_value_labels": labels}
    pyreadstat.write_sav(pd.DataFrame(table | dict(columns)), path, **shared)
    return _read(path, mapping, instruments)


def answers(survey: SurveyExport) -> dict[str, list[str]]:
    """By item, the answers of all rows in order."""
    result: dict[str, list[str]] = {}
    for row in survey.rows:
        for code, answer in row.answers.items():
            result.setdefault(code, []).append(answer)
    return result


def questions(survey: SurveyExport) -> list[str]:
    """What is odd about a file, in a line each."""
    return [f"{q.place}: {q.problem}; {q.remedy}" for q in survey.summary.questions]


def _read(path: Path, mapping: str, instruments: Sequence[Instrument]) -> SurveyExport:
    place = path.parent / "mapping.yaml"
    place.write_text(mapping or "{}", encoding="utf-8")
    return read_survey_export(
        path, 1, items_by_column(instruments), read_mapping(place, instruments), TOKYO
    )
