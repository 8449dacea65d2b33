"""The panel as a file: what was written is read by others, and twice the same."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest

from panelstream.analysis.panel import codebook, export_formats
from panelstream.analysis.panel.export_formats import DescribedPanel
from panelstream.flows import panels
from panelstream.flows.workspace import Workspace
from panelstream.models.warehouse import store as stores
from tests.lib import studies
from tests.lib.parts import require
from tests.lib.studies import Answer, HandClock

CATALOGUE = """
catalogue: clinic
namespace: u2plus
sources: [u2plus]
functions: [psychoeducation, story]
labels: {story: {en: Stories, ja: 物語}}
types:
  u2plus.story_viewed: {function: story}
  u2plus.lesson_read: {function: psychoeducation}
"""
WHO = """
instrument: who
title: {en: About the person}
reference: made up for the tests
licence: none
items:
  - {code: with, label: {en: Lives with others}, choices: {"0": {en: alone}, "7": {en: with others}}}
  - {code: mother_tongue, choices: {ja: {en: 日本語}, de: {en: Deutsch}, other: {}}}
  - {code: age, low: 0, high: 120}
"""
CHANGES = {
    "catalogue": "clinic.yaml",
    "instruments": ["mood.yaml", "who.yaml", "function_use"],
    "exposure": {"window": {"lookback": 7}, "functions": ["psychoeducation", "story"]},
    "covariates": {"fixed": ["with", "mother_tongue", "age"]},
    "outages": [
        {
            "from": "2027-01-05T00:00+09:00",
            "to": "2027-01-06T12:00+09:00",
            "functions": ["story"],
            "handling": "prorate",
        }
    ],
    "waves": [
        {
            "wave": n,
            "opens_on": datetime(2027, 1, 4 + 7 * n, tzinfo=UTC).date(),
            "closes_on": datetime(2027, 1, 9 + 7 * n, tzinfo=UTC).date(),
        }
        for n in (1, 2)
    ],
}
AT = datetime(2027, 1, 12, 3, 4, 5, 678000, tzinfo=UTC)
LONG = "psychoeducation_days_per_week_previous"
CUT = "psychoeducation_days_per_we_2b81"


@pytest.fixture(scope="module")
def described(
    engine: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DescribedPanel]:
    """Two waves of three people; one answers, one only enrols, one leaves."""
    path = tmp_path_factory.mktemp("formats") / "study"
    folder = studies.write(path, studies.with_base(**CHANGES))
    (folder / "clinic.yaml").write_text(CATALOGUE, encoding="utf-8")
    (folder / "who.yaml").write_text(WHO, encoding="utf-8")
    clock = HandClock()
    with closing(stores.open_store(engine, clock)) as store:
        yield describe(studies.open_in(folder, store, clock))


def describe(made: Workspace) -> DescribedPanel:
    """The panel of a study in which this happened."""
    enrolled = [studies.event("enrolled", who, AT) for who in ("aki", "ben", "chie")]
    left = studies.event("consent_withdrawn", "chie", AT.replace(day=14))
    use = [studies.event("story_viewed", "aki", AT.replace(day=day)) for day in (8, 9)]
    studies.send(made, [*enrolled, left, *use])
    studies.answer(made, [Answer("aki", 1, AT, calm=7)])
    answer_in_words(made)
    built = panels.build(made)
    [panel] = built.by_window.values()
    return export_formats.describe_panel(made.folder, panel, built.as_of)


def answer_in_words(workspace: Workspace) -> None:
    """What one person says about themselves."""
    rows = [
        {
            "participant_id": workspace.pseudonyms.participant_id("aki"),
            "response": "",
            "wave": 1,
            "responded_at": AT,
            "instrument": "who",
            "item": item,
            "answer": answer,
            "origin": "test.csv",
        }
        for item, answer in (("with", "7"), ("mother_tongue", "de"), ("age", "41"))
    ]
    studies.store_answers(workspace.store, rows)


def written(described: DescribedPanel, path: Path) -> Path:
    """The panel in a file."""
    export_formats.write_panel(described, path)
    return path


def coded(panel: pd.DataFrame) -> pd.DataFrame:
    """What Stata and SPSS can hold of the panel, by hand."""
    plain = panel.assign(
        **{
            name: panel[name].dt.tz_localize(None)
            for name in ("responded_at", "window_start", "window_end")
        },
        timing=panel["timing"].map({"early": 1.0, "in_time": 2.0, "late": 3.0}),
        mother_tongue=panel["mother_tongue"].map({"ja": 1.0, "de": 2.0, "other": 3.0}),
        **{"with": panel["with"].map({"0": 0.0, "7": 7.0})},
    )
    return plain.rename(columns={"with": "with_"})


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """The same cells under the same names; a file may hold them in other types."""
    assert list(found) == list(expected)
    for name in expected:
        assert found[name].isna().tolist() == expected[name].isna().tolist(), name
        there = expected[name].notna().to_numpy()
        one, other = found[name][there].tolist(), expected[name][there].tolist()
        assert one == other, name


def test_the_panel_has_all_that_can_go_wrong(described: DescribedPanel) -> None:
    """Missing values of every type, fractions, words, flags, and a name too long."""
    panel = described.panel
    assert len(panel) == 5
    for name in ("responded_at", "mother_tongue", "age", "answered_next", LONG):
        assert 0 < panel[name].isna().mean() < 1, name
    assert panel["story_count"].max() == pytest.approx(2 * 7 / 5.5)
    assert set(panel["answered"]) == {0, 1}


def test_parquet(described: DescribedPanel, tmp_path: Path) -> None:
    """Values and types come back; each field says what the codebook says."""
    path = written(described, tmp_path / "new" / "panel.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(path), described.panel)
    schema = pq.read_schema(path)
    assert schema.field("story_frequency").metadata == {
        b"description": b"Stories: active days a year as the survey's six answers",
        b"unit": b"code",
        b"values": b"0 never; 1 once a year; 2 once a month; 3 once a week;"
        b" 4 a few times a week; 5 almost every day",
        b"null": b"the log does not cover the window, or there is no window",
        b"source": b"events",
    }
    assert all(b"description" in field.metadata for field in schema)


def test_csv(described: DescribedPanel, tmp_path: Path) -> None:
    """A missing value is an empty cell; an instant has its offset and is no text."""
    path = written(described, tmp_path / "panel.csv")
    result = pd.read_csv(path, parse_dates=["responded_at"], dtype={"with": str})
    columns = [
        "responded_at",
        "with",
        "story_count",
        "answered_next",
        "age",
        "mood_total",
    ]
    assert list(result) == list(described.panel)
    assert_equal(result[columns], described.panel[columns])


def test_stata(described: DescribedPanel, tmp_path: Path) -> None:
    """Another reader finds the values, native instants, names cut, and all labels."""
    path = written(described, tmp_path / "panel.dta")
    result, about = pyreadstat.read_dta(path)
    assert_equal(result, coded(described.panel).rename(columns={LONG: CUT}))
    assert about.file_label == "tiny as of 2030-01-01T00:00:00Z"
    assert about.creation_time == datetime(2030, 1, 1)  # noqa: DTZ001
    assert_labelled(about, codebook.STATA_NAME)


def test_spss(described: DescribedPanel, tmp_path: Path) -> None:
    """Its reader finds the values, native instants, whole names, and all labels."""
    path = written(described, tmp_path / "panel.sav")
    result, about = pyreadstat.read_sav(path)
    result["responded_at"] = result["responded_at"].dt.round("ms")
    assert_equal(result, coded(described.panel))
    assert about.file_label == "tiny as of 2030-01-01T00:00:00Z"
    assert about.creation_time == datetime(2030, 1, 1)  # noqa: DTZ001
    assert_labelled(about, 64)


def assert_labelled(about: Any, limit: int) -> None:
    """Variables and values have the words of the study."""
    labels, values = about.column_names_to_labels, about.variable_value_labels
    assert labels["age"] == "age: first answer"
    assert (
        labels["story_days_per_week"] == "Stories: active days a week of observed time"
    )
    assert values["mother_tongue"] == {1: "日本語", 2: "Deutsch", 3: "other"}
    assert values["with_"] == {0: "alone", 7: "with others"}
    assert values["answered_next"] == {0: "no", 1: "yes"}
    assert values["story_frequency"][5] == "almost every day"
    assert values["story_self_report"][0] == "never"
    assert labels[codebook.short_name(LONG, limit)].startswith(
        "one wave before: psycho"
    )
    assert all(labels.values())


@pytest.mark.parametrize("ending", export_formats.WRITERS)
def test_twice_the_same_bytes(
    described: DescribedPanel, tmp_path: Path, ending: str
) -> None:
    """No format holds the time of writing."""
    one = written(described, tmp_path / f"one{ending}").read_bytes()
    assert written(described, tmp_path / f"other{ending}").read_bytes() == one


@pytest.mark.parametrize("ending", export_formats.WRITERS)
def test_a_panel_of_nobody(
    described: DescribedPanel, tmp_path: Path, ending: str
) -> None:
    """Columns without a row can be written and read."""
    nobody = replace(described, panel=described.panel.iloc[:0])
    path = written(nobody, tmp_path / f"panel{ending}")
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".parquet": pd.read_parquet,
        ".csv": pd.read_csv,
        ".dta": pd.read_stata,
        ".sav": pd.read_spss,
    }
    result = readers[ending](path)
    assert result.shape == described.panel.iloc[:0].shape


@pytest.mark.parametrize(
    ("column", "limit", "name"),
    [
        ("story_count", 32, "story_count"),
        ("a" * 32, 32, "a" * 32),
        ("a" * 33, 32, "a" * 27 + "_8527"),
        ("a" * 33, 64, "a" * 33),
        ("with", 32, "with_"),
        ("without", 32, "without"),
        ("str20", 32, "str20_"),
    ],
)
def test_short_names(column: str, limit: int, name: str) -> None:
    """What fits stays; what does not ends in a hash of the whole; no reserved word."""
    assert codebook.short_name(column, limit) == name


def test_labels_are_cut_to_what_a_format_allows(
    described: DescribedPanel, tmp_path: Path
) -> None:
    """80 characters in Stata, 255 bytes in SPSS; values 120 bytes there."""
    first, *rest = described.entries
    long = replace(first, meaning="日" * 100, values={})
    flag = replace(
        next(entry for entry in rest if entry.column == "answered"),
        values={"0": "本" * 50, "1": "yes"},
    )
    entries = (long, *(flag if entry.column == "answered" else entry for entry in rest))
    cut = replace(described, entries=entries, title="題" * 100)
    _, in_stata = pyreadstat.read_dta(written(cut, tmp_path / "panel.dta"))
    _, in_spss = pyreadstat.read_sav(written(cut, tmp_path / "panel.sav"))
    assert in_stata.column_labels[0] == "日" * 79 + "…"
    assert in_stata.file_label == "題" * 79 + "…"
    assert in_stata.variable_value_labels["answered"][0] == "本" * 50
    assert in_spss.column_labels[0] == "日" * 84 + "…"
    assert in_spss.file_label == "題" * 20 + "…"
    assert in_spss.variable_value_labels["answered"][0] == "本" * 39 + "…"


R = """
library(foreign)
read <- suppressWarnings(read.spss("panel.sav", use.value.labels = FALSE))
write.csv(as.data.frame(read), "panel.csv", row.names = FALSE, na = "")
label <- attr(read, "variable.labels")
write.csv(data.frame(name = names(label), label = label), "labels.csv")
"""


def test_spss_as_another_program_reads_it(
    described: DescribedPanel, tmp_path: Path
) -> None:
    """R has a reader of its own: it finds the same numbers and labels."""
    rscript = require("Rscript")
    if subprocess.run([rscript, "-e", "library(foreign)"], check=False).returncode:
        pytest.skip("needs R's package foreign")
    written(described, tmp_path / "panel.sav")
    subprocess.run([rscript, "-e", R], cwd=tmp_path, check=True)
    expected, result = coded(described.panel), pd.read_csv(tmp_path / "panel.csv")
    assert result["participant_id"].tolist() == expected["participant_id"].tolist()
    numbers = expected.select_dtypes("number").astype(float)
    read = result[[*numbers]].astype(float)
    pd.testing.assert_frame_equal(read, numbers, rtol=1e-13)
    since = (expected["window_start"] - pd.Timestamp("1582-10-14")).dt.total_seconds()
    assert result["window_start"].tolist() == pytest.approx(since.tolist(), nan_ok=True)
    labels = pd.read_csv(tmp_path / "labels.csv").set_index("name")["label"]
    assert labels.tolist() == [entry.meaning for entry in described.entries]
