"""Loss to follow-up: a table of it by wave, and a model of dropout.

The model is a logistic regression of answering a wave on the wave, fixed covariates, the outcome
of the wave before, exposures and varying covariates (see `history`), among those who
answered every wave so far. Standard errors are CR2, clustered by person (see
`clustered`), with Satterthwaite's degrees of freedom.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from panelstream.analysis.estimation.clustered import (
    Clustered,
    Solution,
    cluster,
    working_regression,
)
from panelstream.analysis.estimation.design import require_columns
from panelstream.analysis.estimation.dropout import logit
from panelstream.analysis.estimation.dropout.history import History, look_back
from panelstream.analysis.estimation.dropout.waves import Waves, arrange_waves
from panelstream.analysis.estimation.inference import infer
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification
from panelstream.models.arrays import Codes, Vector

COLUMNS = ("outcome", "wave", "expected", "answered", "missed", "left")
MODEL_COLUMNS = (
    "specification",
    "outcome",
    "term",
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "ci_low",
    "ci_high",
    "mean_answered",
    "mean_lost",
    "n_obs",
    "n_participants",
    "note",
)


def attrition_by_wave(panel: pd.DataFrame, outcomes: Sequence[str]) -> pd.DataFrame:
    """`COLUMNS`: how many were expected to have each outcome in each of its waves.

    People who did not answer have `missed` the wave if they answer a later one, else
    they have `left`, even if they never answered.
    """
    rows = [
        {"outcome": name, **row}
        for name in outcomes
        if name in panel
        for row in _counted(arrange_waves(panel, name))
    ]
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def dropout_models(
    specifications: Sequence[Specification],
    panels: Mapping[Any, pd.DataFrame],
) -> pd.DataFrame:
    """`MODEL_COLUMNS`: the model of answering for each specification's outcome.

    Each is fitted to the panel of its window. One without numbers has a row with a
    note.
    """
    rows = [
        row
        for specification in specifications
        for row in _rows(specification, panels[specification.window])
    ]
    return pd.DataFrame(rows, columns=pd.Index(MODEL_COLUMNS))


def _counted(waves: Waves) -> Iterator[dict[str, int]]:
    later = np.logical_or.accumulate(waves.answered[:, ::-1], axis=1)[:, ::-1]
    unanswered = waves.expected & ~waves.answered
    for place, wave in enumerate(waves.numbers):
        yield {
            "wave": int(wave),
            "expected": int(waves.expected[:, place].sum()),
            "answered": int(waves.answered[:, place].sum()),
            "missed": int((unanswered & later)[:, place].sum()),
            "left": int((unanswered & ~later)[:, place].sum()),
        }


def _rows(
    specification: Specification, panel: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    labels = {
        "specification": specification.specification,
        "outcome": specification.outcome,
    }
    try:
        require_columns(specification, panel)
        waves = arrange_waves(panel, specification.outcome)
        for row in _terms(look_back(specification, panel, waves)):
            yield labels | row
    except (NotEstimable, np.linalg.LinAlgError) as problem:
        yield labels | {"term": "", "note": f"not fitted: {problem}"}


def _terms(history: History) -> Iterator[dict[str, Any]]:
    """Raises `NotEstimable` if nobody is lost, or with separation."""
    if not len(history.answered):
        raise NotEstimable("nobody drops out")
    fitted = logit.fit_logit(history.answered, history.columns)
    logits = history.columns @ fitted.coefficients
    logit.require_overlap(logits, "answering")
    persons = np.unique(history.persons, return_inverse=True)[1]
    clustered = _cluster(history, persons, logits)
    df = clustered.degrees_of_freedom(np.eye(len(history.names)))
    errors = np.sqrt(np.diag(clustered.covariance))
    for j in range(1, len(history.names)):
        values = history.columns[:, j]
        yield {
            "term": history.names[j],
            **asdict(
                infer(float(fitted.coefficients[j]), float(errors[j]), float(df[j]))
            ),
            "mean_answered": float(values[history.answered].mean()),
            "mean_lost": float(values[~history.answered].mean()),
            "n_obs": len(values),
            "n_participants": clustered.persons,
            "note": "",
        }


def _cluster(history: History, persons: Codes, logits: Vector) -> Clustered:
    means = expit(logits)
    solution = Solution(
        outcome=history.answered.astype(np.float64),
        predictors=logits,
        means=means,
        variances=means * (1 - means),
    )
    fitted, working = working_regression(solution, history.columns, persons)
    return cluster(fitted, "cr2", working)
