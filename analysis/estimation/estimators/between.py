"""Least squares on persons' means: do people differ in both?

One row a person, each with the same weight, however many waves stand behind the
means (Wooldridge 2010, Econometric Analysis of Cross Section and Panel Data,
section 10.2). Means are taken over the analysed rows. Waves enter as the share of a
person's analysed rows in each wave, so that having answered late is not taken for
being different; where all answered the same waves there is nothing to adjust.

A person is a cluster of one row, so that errors are those of HC2, robust to unequal
variances; with CR1 their factor is G/(G-K).
"""

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.diagnostics import variance_shares
from panelstream.analysis.estimation.fit import (
    Component,
    Fit,
    exposure_names,
    regress,
    summarise,
    worst_inflation,
)
from panelstream.analysis.estimation.inference import centred, person_means
from panelstream.analysis.estimation.registration import Registration
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.plan.specifications import Specification


def fit_between(specification: Specification, panel: pd.DataFrame) -> Fit:
    """Regress the mean outcome on the means of the design's columns."""
    design = build_design(specification, panel)
    outcome = person_means(design.outcome[:, None], design.persons)
    columns = person_means(design.regressors, design.persons)
    if not centred(outcome).any():
        raise NotEstimable("the outcome has the same mean for every person")
    estimates, identification = regress(
        specification, design, outcome[:, 0], columns, np.arange(len(outcome))
    )
    entered = columns[design.persons]
    component = Component("between", entered, estimates, design.persons)
    inflation = worst_inflation(exposure_names(design), identification)
    return summarise(specification, design, [component], [inflation])


REGISTRATION = Registration(
    name="between",
    fit=fit_between,
    components=("between",),
    scale="points",
    fewest_waves=1,
    weighted_solver=None,
    decisive=None,
    diagnostics=variance_shares,
)
