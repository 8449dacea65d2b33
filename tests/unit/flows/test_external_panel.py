"""Panels from elsewhere: every format gives the same numbers, mistakes one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from panelstream.analysis.panel.external import PanelFile, read_panel_file
from panelstream.flows import external_panel
from panelstream.models.errors import FileError, UsageError

STUDY = """
study: elsewhere
title: Elsewhere
plan:
  confirmatory:
    - specification: main
      estimator: fixed_effects
      outcomes: [score]
      exposures: [use]
  sensitivity: [lagged]
  exploratory:
    - specification: gone
      estimator: pooled
      outcomes: [score, nowhere]
      exposures: [use]
"""
WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".parquet": lambda frame, path: frame.to_parquet(path),
    ".dta": lambda frame, path: frame.to_stata(path, write_index=False),
    ".sav": lambda frame, path: pyreadstat.write_sav(frame, path),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study folder with nothing but its file."""
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def panel() -> pd.DataFrame:
    """Thirty people in four years, one of them without an answer."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "nr": np.repeat(np.arange(30), 4),
            "year": np.tile([2001, 2002, 2004, 2005], 30),
            "use": random.gamma(2, 1, 120).round(3),
        }
    )
    frame["score"] = (frame["use"] + random.normal(0, 1, 120)).round(3)
    frame.loc[7, "score"] = np.nan
    return frame


def panel_file(path: Path) -> PanelFile:
    """The file with the names that it has."""
    return PanelFile(path, person="nr", wave="year")


@pytest.mark.parametrize("ending", sorted(WRITERS))
def test_every_format_gives_the_same(folder: Path, ending: str) -> None:
    """The same columns, so the same results; whole numbers may come as others."""
    path = folder / f"panel{ending}"
    WRITERS[ending](panel(), path)
    result = external_panel.analyse_panel_file(
        folder, panel_file(path)
    ).results.estimates
    csv = folder / "plain.csv"
    WRITERS[".csv"](panel(), csv)
    expected = external_panel.analyse_panel_file(
        folder, panel_file(csv)
    ).results.estimates
    pd.testing.assert_frame_equal(result, expected)


def test_a_column_that_is_not_there_stops_nothing(folder: Path) -> None:
    """Its specification has a note and no number, the others have theirs.

    Lags go by the number of the year: 59 rows have one, of which one person has one.
    """
    path = folder / "panel.csv"
    WRITERS[".csv"](panel(), path)
    rows = external_panel.analyse_panel_file(folder, panel_file(path)).results.estimates
    without = rows[rows["estimate"].isna()]
    assert without["note"].tolist() == ["not fitted: the panel has no column nowhere"]
    assert rows["n_obs"].tolist() == [119, 58, 119, 0]
    assert rows["term"].tolist() == ["use", "lag1(use)", "use", "use"]
    assert set(rows["measure"]) == {"as_is"}
    assert not rows["confirmatory"].any()


@pytest.mark.parametrize("ending", sorted(WRITERS))
def test_an_empty_cell_is_unknown_use(folder: Path, ending: str) -> None:
    """The row leaves, as if it were not in the file; it is not use of 0."""
    unknown = panel()
    unknown.loc[[4, 50, 51, 90], "use"] = np.nan
    results = []
    for name, frame in (
        ("empty", unknown),
        ("absent", unknown[unknown["use"].notna()]),
        ("zero", unknown.fillna({"use": 0.0})),
    ):
        path = folder / f"{name}{ending}"
        WRITERS[ending](frame, path)
        analysis = external_panel.analyse_panel_file(folder, panel_file(path))
        results.append(analysis.results.estimates.iloc[0])
    empty, absent, zero = results
    assert empty["n_obs"] == absent["n_obs"] == 115
    assert empty["estimate"] == absent["estimate"]
    assert abs(empty["estimate"] - zero["estimate"]) > 0.01


def test_the_same_panel_gives_the_same_bytes(folder: Path) -> None:
    """Written twice, with whatever it depends on beside it."""
    path = folder / "panel.csv"
    WRITERS[".csv"](panel(), path)
    for name in ("first", "second"):
        external_panel.write_panel_results(
            external_panel.analyse_panel_file(folder, panel_file(path)), folder / name
        )
    files = sorted(entry.name for entry in (folder / "first/private").iterdir())
    assert files == [
        "estimates.csv",
        "manifest.json",
        "specifications.csv",
        "tests.csv",
    ]
    for name in files:
        first, second = (
            folder / entry / "private" / name for entry in ("first", "second")
        )
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.drop(columns="nr"), "no column 'nr'; .*--person"),
        (lambda frame: frame.rename(columns={"year": "yaer"}), "did you mean 'yaer'"),
        (
            lambda frame: pd.concat([frame, frame[3:5]]),
            "row 121: this person has a row",
        ),
        (
            lambda frame: frame.assign(year=frame["year"].where(frame.index != 2)),
            "row 3: no value in 'year'",
        ),
        (
            lambda frame: frame.assign(year=frame["year"] + 0.5 * (frame.index == 4)),
            "row 5: 'year' is not a whole number",
        ),
        (
            lambda frame: frame.assign(year="first"),
            "row 1: 'year' is not a whole number",
        ),
    ],
)
def test_what_is_no_panel_is_refused(
    folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    """With the row, and without a value of it."""
    path = folder / "panel.csv"
    WRITERS[".csv"](change(panel()), path)
    with pytest.raises(FileError, match=says):
        read_panel_file(panel_file(path))


def test_files_that_cannot_be_read(folder: Path) -> None:
    """Another kind, no file, and a file that is not what its name says."""
    with pytest.raises(UsageError, match="expected a name that ends in"):
        read_panel_file(panel_file(folder / "panel.xlsx"))
    with pytest.raises(FileError, match="no such file"):
        read_panel_file(panel_file(folder / "panel.csv"))
    for ending in (".parquet", ".dta", ".sav"):
        path = folder / f"wrong{ending}"
        path.write_text("no such thing", encoding="utf-8")
        with pytest.raises(FileError, match="cannot be read as"):
            read_panel_file(panel_file(path))


CELLS = {
    "words": ("use", "yes", "column use: not a number"),
    "an outcome in words": ("score", "mild", "column score: not a number"),
    "a decimal comma": ("use", "1,5", "column use: a number with a decimal comma"),
    "infinite": ("score", "inf", "column score: infinite"),
}


@pytest.mark.parametrize(("column", "cell", "problem"), CELLS.values(), ids=CELLS)
def test_a_cell_that_is_no_number(
    folder: Path, column: str, cell: str, problem: str
) -> None:
    """File, row, column and remedy; never the cell."""
    path, rows = folder / "panel.csv", panel().astype(object)
    rows.loc[4, column] = cell
    rows.to_csv(path, index=False)
    with pytest.raises(FileError) as error:
        external_panel.analyse_panel_file(folder, panel_file(path))
    assert str(error.value).startswith(f"{path}:row 5, {problem}")
    assert cell not in error.value.problem.split()


def test_a_covariate_with_decimal_commas(folder: Path) -> None:
    """Words are levels of a covariate; numbers that were written as words are not."""
    study = STUDY + "covariates: {fixed: [height]}\n"
    study = study.replace(
        "exposures: [use]\n", "exposures: [use]\n      covariates: [fixed]\n"
    )
    (folder / "study.yaml").write_text(study, encoding="utf-8")
    path = folder / "panel.csv"
    panel().assign(height="1,72").to_csv(path, index=False)
    with pytest.raises(
        FileError, match="row 1, column height: a number with a decimal"
    ):
        external_panel.analyse_panel_file(folder, panel_file(path))


def test_a_dot_is_missing(folder: Path) -> None:
    """Stata and SAS write a missing value as a dot."""
    dots, empty, rows = folder / "dots.csv", folder / "empty.csv", panel()
    rows.loc[4, "use"] = np.nan
    rows.to_csv(empty, index=False)
    rows.to_csv(dots, index=False, na_rep=".")
    results = [
        external_panel.analyse_panel_file(folder, panel_file(path)).results.estimates
        for path in (dots, empty)
    ]
    pd.testing.assert_frame_equal(results[0], results[1])


def test_a_panel_without_rows(folder: Path) -> None:
    """A sentence, no defect."""
    path = folder / "panel.csv"
    panel().head(0).to_csv(path, index=False)
    with pytest.raises(FileError, match="the file has no rows"):
        external_panel.analyse_panel_file(folder, panel_file(path))
