"""How many people each estimate rests on, which disclosure control has to know."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.estimates import Panels
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification, expand_plan
from panelstream.models.arrays import Vector
from panelstream.models.study.study import Study

_KEYS = ("specification", "outcome", "exposure", "component")


def people_behind(estimates: pd.DataFrame, panels: Panels, study: Study) -> Vector:
    """How many people's use each estimate (rows,) rests on; NaN if not known.

    Of the people analysed, who use the exposure at all; for a within component,
    whose use of it changes; in the window of the specification.
    """
    people = {
        key: count
        for specification in expand_plan(study)
        for key, count in _behind(specification, panels[specification.window])
    }
    rows = zip(*(estimates[key] for key in _KEYS), strict=True)
    return np.array([people.get(row, np.nan) for row in rows], dtype=float)


def _behind(
    specification: Specification, panel: pd.DataFrame
) -> Iterator[tuple[tuple[str, ...], int]]:
    """Keys of a specification's estimates, and the people whose use they rest on.

    Those who answered, whatever weights or imputation put in the place of others.
    """
    try:
        rows = build_design(replace(specification, weights="none"), panel)
    except NotEstimable:
        return
    for position, column in enumerate(rows.exposures):
        by_person = pd.Series(rows.regressors[:, position]).groupby(rows.persons)
        use = by_person.agg(["min", "max"])
        used = min(int((use["max"] > 0).sum()), _users(column.exposure, panel))
        changed = int((use["max"] > use["min"]).sum())
        key = (specification.specification, specification.outcome, column.exposure)
        yield (*key, "between"), used
        yield (*key, "contextual"), min(used, changed)
        yield (*key, "pooled"), used
        yield (*key, "within"), changed
        yield (*key, "reverse"), changed


def _users(exposure: str, panel: pd.DataFrame) -> int:
    """People with any use of a function: of some measures 0 does not mean none."""
    days = f"{exposure}_days"
    used = panel[days] > 0 if days in panel else panel["participant_id"].notna()
    return int(panel.loc[used, "participant_id"].nunique())
