"""The estimators, by the name that a plan gives them."""

from collections.abc import Mapping

from panelstream.analysis.estimation.estimators import (
    between,
    fe_ordered_logit,
    fe_poisson,
    first_difference,
    fixed_effects,
    gee,
    gmm,
    pooled,
    random_effects,
    random_slopes,
    ri_clpm,
    within_between,
)
from panelstream.analysis.estimation.registration import Registration

_MODULES = (
    pooled,
    between,
    random_effects,
    random_slopes,
    fixed_effects,
    first_difference,
    within_between,
    gee,
    fe_ordered_logit,
    fe_poisson,
    gmm,
    ri_clpm,
)

ESTIMATORS: Mapping[str, Registration] = {
    module.REGISTRATION.name: module.REGISTRATION for module in _MODULES
}
