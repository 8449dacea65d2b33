"""The report's tables, exact: one function each, registered here.

Columns and values carry the names of the panel (`reaction`, `pdd_total`), so that
files join; `analysis.report.labels` says what readers call them. What of a table
may leave follows from its declared columns, at its release.
"""

from collections.abc import Callable, Iterable

from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.table import Table
from panelstream.analysis.report.tables import (
    estimates,
    measurement,
    participants,
    provenance,
    specification_curve,
    specifications,
    survey,
)

Builder = Callable[[ReportInput], Table]

REPORT_TABLES: tuple[Builder, ...] = (
    participants.participant_flow,
    participants.use_by_wave,
    participants.outcomes_by_wave,
    specifications.specifications,
    estimates.estimates_confirmatory,
    estimates.estimates_sensitivity,
    estimates.estimates_exploratory,
    specification_curve.specification_curve_tests,
    estimates.tests,
    survey.survey_table_1,
    survey.survey_table_2,
    survey.survey_table_3,
    survey.self_report_agreement,
    measurement.self_report_by_wave,
    measurement.bands_by_wave,
    measurement.reliability_by_wave,
    measurement.invariance_over_waves,
    measurement.careless_by_wave,
    measurement.safety_by_wave,
    provenance.locks_and_waves,
    specification_curve.specification_curve,
)
"""Tables that are shown and written as CSV files, in the order of their numbers."""

PAGE_FACTS: tuple[Builder, ...] = (
    provenance.event_counts,
    provenance.plan_locks,
    provenance.plan_deviations,
    provenance.plan_post_hoc,
    provenance.plan_changes,
    provenance.coverage_gaps,
    provenance.facts,
)
"""Tables that the text of the page tells."""


def build_tables(builders: Iterable[Builder], data: ReportInput) -> tuple[Table, ...]:
    """Those of the tables that the data allow; one without rows is left out."""
    tables = (build(data) for build in builders)
    return tuple(table for table in tables if len(table.exact))
