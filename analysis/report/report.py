"""The report: exact tables, their release, and the page that shows them."""

from dataclasses import dataclass

from panelstream.analysis.report import page
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.labels import labels
from panelstream.analysis.report.release import ReleasedTable, release
from panelstream.analysis.report.tables import PAGE_FACTS, REPORT_TABLES, build_tables


@dataclass(frozen=True)
class Report:
    """The page, and the tables that are written beside it as CSV files."""

    html: str
    tables: tuple[ReleasedTable, ...]


def make_report(data: ReportInput) -> Report:
    """The report and its tables."""
    tables, facts = (
        release(build_tables(builders, data), data.rule)
        for builders in (REPORT_TABLES, PAGE_FACTS)
    )
    return Report(page.render(data.study, tables, facts, labels(data.folder)), tables)
