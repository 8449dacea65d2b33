"""What was fitted, and who is in it: one row for each regression of the plan."""

from panelstream.analysis.estimation.sample import (
    SPECIFICATION_COLUMNS,
    describe_specifications,
)
from panelstream.analysis.plan.specifications import expand_plan
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.labels import labels
from panelstream.analysis.report.layout import Layout, column
from panelstream.analysis.report.table import Count, Kind, Label, Table, TableColumn

_COUNTS = {
    "outcome_unknown": "rows whose outcome was not answered",
    "no_such_wave": "rows whose use would be of a wave that the person has not",
    "use_unknown": "rows whose use is not known",
    "covariates_unknown": "rows without a covariate",
    "single_rows": "only rows of a person or wave",
    "n_obs": "rows analysed",
    "n_participants": "people analysed",
}


def specifications(data: ReportInput) -> Table:
    """Every regression in words, with the rows that it leaves out and why."""
    kinds: dict[str, Kind] = {name: Count(of) for name, of in _COUNTS.items()}
    return Table(
        name="specifications",
        title="What was fitted",
        caption=(
            "One row for each regression. A row that is left out counts at the first"
            " reason that fits: the outcome was not answered; the use would be of a"
            " wave that the person has not (lag, lead); use is not known; a covariate"
            " is missing; it is the only row of its person or wave. No reasons are"
            " counted for models that use rows which lack something."
        ),
        exact=describe_specifications(
            expand_plan(data.study),
            data.panels,
            data.estimates,
            data.study.wave_days,
            labels(data.folder),
        ),
        columns=tuple(
            TableColumn(name, kinds.get(name, Label()))
            for name in SPECIFICATION_COLUMNS
        ),
        layout=Layout(
            (
                column("What", "prose", "statement"),
                column("Waves", "note", "waves"),
                column("Rows", "count", "n_obs"),
                column("People", "count", "n_participants"),
                column("Not answered", "count", "outcome_unknown"),
                column("No such wave", "count", "no_such_wave"),
                column("Use unknown", "count", "use_unknown"),
                column("Covariate missing", "count", "covariates_unknown"),
                column("Only row", "count", "single_rows"),
            ),
            grouped_by=("title", "outcome"),
        ),
    )
