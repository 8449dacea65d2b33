"""Specification curves in the report: released, drawn, and told."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.estimation.specification_curve import fit_curves
from panelstream.analysis.plan.curves import expand_curves
from panelstream.analysis.report import figures_curve
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.labels import labels
from panelstream.analysis.report.release import REDACTED, ReleasedTable
from panelstream.analysis.report.report import Report, make_report
from panelstream.models.study.load import load_study
from tests.lib import panels

CURVE = """
  specification_curve:
    start_from: [signing_in]
    permutations: 99
    forks:
      transform: [none, log1p]
      estimator: [within_between, first_difference]
      exclude: [nobody, first_wave]
    predicted: {pdd_total: positive}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportInput:
    """The full study, with a curve from signing in."""
    path = tmp_path_factory.mktemp("curves")
    inputs = panels.u2plus(path)
    (path / "study.yaml").write_text(panels.STUDY + CURVE[1:], encoding="utf-8")
    folder = load_study(path)
    curves = fit_curves(expand_curves(folder.study), inputs.panels)
    return replace(
        inputs.data, folder=folder, curve=curves.estimates, curve_tests=curves.tests
    )


def table_of(report: Report, name: str) -> ReleasedTable:
    """The released table of that name."""
    return next(table for table in report.tables if table.name == name)


def test_every_combination_is_released(data: ReportInput) -> None:
    """Eight for each of three outcomes, estimates as they are, counts rounded."""
    released = table_of(make_report(data), "specification_curve").frame
    assert len(released) == 24
    assert released["estimate"].tolist() == data.curve["estimate"].tolist()
    assert (released["n_participants"].astype(float) % 5 == 0).all()


def test_rows_of_too_few_are_withheld(data: ReportInput) -> None:
    """A combination that leaves out three people would tell of them."""
    curve = data.curve.assign(
        n_excluded=data.curve["n_excluded"].where(data.curve.index > 0, 3)
    )
    released = table_of(
        make_report(replace(data, curve=curve)), "specification_curve"
    ).frame
    numbers = ["estimate", "standardized", "standardized_low", "p_value", "df"]
    assert (released.loc[0, numbers] == REDACTED).all()
    assert released.loc[0, "n_excluded"] == REDACTED
    assert not (released.loc[1:, numbers] == REDACTED).any(axis=None)


def test_tests_of_few_people_are_withheld(data: ReportInput) -> None:
    """The curve's own numbers rest on no more people than its weakest estimate."""
    few = data.curve.assign(n_changing=5)
    released = table_of(
        make_report(replace(data, curve=few)), "specification_curve_tests"
    ).frame
    for name in ("median", "median_p", "share_significant", "mean_z"):
        assert (released[name] == REDACTED).all(), name


def test_the_figure_has_a_panel_and_a_text_for_each_curve(data: ReportInput) -> None:
    """A curve for each outcome; its description counts what the table holds."""
    table = table_of(make_report(data), "specification_curve")
    figure = figures_curve.draw_curves(table, labels(data.folder))
    assert len(figure.panels) == 3
    for panel, (_, rows) in zip(
        figure.panels, table.frame.groupby("outcome", sort=False), strict=True
    ):
        root = ET.fromstring(panel.svg)
        description = root.findtext("{http://www.w3.org/2000/svg}desc") or ""
        significant = (pd.to_numeric(rows["p_value"]) < 0.05).sum()
        assert description.startswith("8 specifications")
        assert description.endswith(f"{significant} with p below .05")
        # Forks with one alternative for all are not drawn.
        assert "estimator: first difference" in panel.svg
        assert "weights" not in panel.svg


def test_the_page_has_a_section_only_for_a_plan_with_a_curve(
    data: ReportInput, tmp_path: Path
) -> None:
    """The figure and the table, with the predicted sign's share."""
    page = make_report(data).html
    assert '<section id="specification-curve">' in page
    assert 'id="table-specification_curve_tests"' in page
    assert 'id="figure-specification_curve"' in page
    without = make_report(panels.u2plus(tmp_path).data).html
    assert "specification-curve" not in without
