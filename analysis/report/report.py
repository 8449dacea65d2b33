"""The report: exact tables, their release, and the page that shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from panelstream.analysis.report import page
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.labels import labels
from panelstream.analysis.report.release import ReleasedTable, release
from panelstream.analysis.report.tables import PAGE_FACTS, REPORT_TABLES, build_tables
from panelstream.models.study.study import Study


@dataclass(frozen=True)
class Report:
    """Released tables, which are written as CSV files, and the page over them.

    `facts` are told in the text of the page only; `labels`: what readers call columns.
    """

    study: Study
    tables: tuple[ReleasedTable, ...]
    facts: tuple[ReleasedTable, ...]
    labels: Mapping[str, str]

    @cached_property
    def html(self) -> str:
        """The page, made of the released tables and the study file."""
        return page.render(self.study, self.tables, self.facts, self.labels)


def make_report(data: ReportInput) -> Report:
    """The report of a study's results."""
    tables, facts = (
        release(build_tables(builders, data), data.rule)
        for builders in (REPORT_TABLES, PAGE_FACTS)
    )
    return Report(data.study, tables, facts, labels(data.folder))
