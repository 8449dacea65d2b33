"""One self-contained HTML page: the answers first, then what they rest on.

Pure and deterministic: the same study and released tables give the same bytes.
Every number on the page comes from a released table or from the study file.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from panelstream.analysis.plan.wording import window_text
from panelstream.analysis.report import figures, figures_curve, sentences
from panelstream.analysis.report.figures import Figure
from panelstream.analysis.report.release import ReleasedTable
from panelstream.analysis.report.view import TableView, view
from panelstream.models.study.study import Study

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "report.html.j2"

STD_ERRORS = {
    "cluster_person_cr2": (
        "clustered by person, CR2 (Bell and McCaffrey 2002), which corrects for the"
        " residuals' being smaller than the errors where few people carry an estimate;"
        " t with Satterthwaite's degrees of freedom, joint tests by the approximate"
        " Hotelling test (Pustejovsky and Tipton 2018)"
    ),
    "cluster_person_cr1": (
        "clustered by person, CR1: G/(G\u22121) \u00b7 (N\u22121)/(N\u2212K) for G"
        " people, N rows and K coefficients, person effects not counted in K; t with"
        " G\u22121 degrees of freedom"
    ),
}


def render(
    study: Study,
    tables: Sequence[ReleasedTable],
    facts: Sequence[ReleasedTable],
    labels: Mapping[str, str],
) -> str:
    """The page.

    `tables` are shown in their order; `facts` are stated in the text; `labels`: what
    readers call the columns that they name.
    """
    by_name = {table.name: table for table in (*tables, *facts)}
    planned = by_name.get("estimates_confirmatory")
    findings = sentences.findings(planned, labels, by_name.get("estimates_sensitivity"))
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            study=study,
            title=study.title.get("en", next(iter(study.title.values()))),
            question=sentences.question(study, labels),
            findings=sentences.by_outcome(findings),
            summary=sentences.summary(findings),
            planned=bool(study.plan.confirmatory),
            locked="plan_locks" in by_name,
            plan=sentences.plan_lines(
                by_name.get("plan_locks"), by_name.get("plan_post_hoc")
            ),
            deviations=_rows(by_name.get("plan_deviations")),
            changes=_rows(by_name.get("plan_changes")),
            coverage_gaps=_rows(by_name.get("coverage_gaps")),
            windows=[window_text(window.name) for window in study.windows],
            figures=_figures(by_name, labels, study),
            tables=_views(tables, labels, planned),
            std_errors=_std_errors(tables),
            facts=_rows(by_name.get("facts")),
            events=sentences.event_lines(by_name.get("event_counts")),
        )
    )


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _views(
    tables: Sequence[ReleasedTable],
    labels: Mapping[str, str],
    planned: ReleasedTable | None,
) -> dict[str, TableView]:
    """Every table by its name, numbered in order."""
    return {
        table.name: view(number, table, labels, planned)
        for number, table in enumerate(tables, start=1)
    }


def _figures(
    by_name: Mapping[str, ReleasedTable], labels: Mapping[str, str], study: Study
) -> dict[str, tuple[int, Figure]]:
    """What can be drawn, by name, numbered in the page's order."""
    forest = partial(figures.draw_forest, labels=labels, study=study)
    drawings: dict[str, Callable[[ReleasedTable], Figure]] = {
        "estimates_confirmatory": partial(forest, name="confirmatory"),
        "participant_flow": figures.draw_participant_flow,
        "use": partial(figures.draw_use, labels=labels),
        "outcomes_by_wave": partial(figures.draw_outcomes, labels=labels),
        "estimates_exploratory": partial(forest, name="exploratory"),
        "specification_curve": partial(figures_curve.draw_curves, labels=labels),
    }
    all_figures = [
        draw(by_name[name]) for name, draw in drawings.items() if name in by_name
    ]
    shown = [figure for figure in all_figures if figure.panels]
    return {figure.name: (at, figure) for at, figure in enumerate(shown, start=1)}


def _std_errors(tables: Sequence[ReleasedTable]) -> list[tuple[str, str]]:
    """How the standard errors of the estimates were computed."""
    columns = [
        table.frame["std_error_type"]
        for table in tables
        if "std_error_type" in table.frame
    ]
    kinds = pd.concat(columns).dropna().unique() if columns else []
    return [(str(kind), STD_ERRORS.get(str(kind), "")) for kind in kinds]


def _rows(table: ReleasedTable | None) -> list[tuple[str, str]]:
    """The rows of a table of words."""
    if table is None:
        return []
    return [(str(a), str(b)) for a, b in table.frame.itertuples(index=False)]
