"""What a specification is, in words: from its values alone, in this one place.

`words` says what readers call columns of the panel; a column without an entry keeps its
name.
"""

from collections.abc import Mapping

from panelstream.analysis.plan.specifications import (
    Specification,
    previous_wave_column,
)

Words = Mapping[str, str]
"""What readers call columns of the panel."""

_ESTIMATORS = {
    "within_between": (
        "linear mixed model",
        "a linear mixed model with a random intercept for each person, in which use"
        " enters as the deviation from the person's own mean (within) and as that mean"
        " (between)",
    ),
    "random_slopes": (
        "random slopes",
        "a linear mixed model with a random intercept for each person and, one at a"
        " time, random slopes of use within persons",
    ),
    "fixed_effects": (
        "person fixed effects",
        "least squares within persons (person fixed effects)",
    ),
    "first_difference": (
        "first differences",
        "least squares on changes from one wave to the next",
    ),
    "between": ("between persons", "least squares on the means of persons"),
    "random_effects": (
        "random effects",
        "generalized least squares with person random effects",
    ),
    "pooled": ("pooled least squares", "least squares on all rows together"),
    "gee": (
        "generalized estimating equations",
        "generalized estimating equations, for outcomes of two values or counts",
    ),
    "gmm": (
        "dynamic panel model",
        "a dynamic panel model (difference GMM), with the outcome of the wave before",
    ),
    "ri_clpm": (
        "cross-lagged panel model",
        "a random-intercept cross-lagged panel model",
    ),
    "fe_ordered_logit": (
        "fixed-effects ordered logit",
        "an ordered logit with person fixed effects",
    ),
    "fe_poisson": (
        "fixed-effects Poisson",
        "a Poisson regression with person fixed effects",
    ),
}
"""What an estimator is called in a title, and in a statement."""

_MEASURES = {
    "days_per_week": "active days a week",
    "days": "active days",
    "count": "number of uses",
    "frequency": "frequency of use",
    "as_is": "value",
}
_WINDOWS = {
    "between_waves": "between the close of one wave and the opening of the next",
    "between_responses": "between a person's previous answer and this one",
}
_OWN_ERRORS = {
    "gmm": "Standard errors: Windmeijer's two-step.",
    "ri_clpm": "Standard errors: robust maximum likelihood.",
}
_ERRORS = {
    "cr2": (
        "Standard errors: clustered by person, CR2, with Satterthwaite's degrees of"
        " freedom."
    ),
    "cr1": "Standard errors: clustered by person, CR1, with persons \u2212 1 degrees of freedom.",
}
_MISSING = {
    "complete": "Only rows in which everything is known are analysed.",
    "imputed": "Missing answers are imputed several times, assuming missing at random.",
    "delta": (
        "Missing answers are imputed several times, assuming missing at random, and then"
        " changed step by step: by a level, and along use."
    ),
}
_HISTORY = {
    "baseline": "at the person's first wave (whose rows are left out)",
    "previous_outcome": "of the wave before (so a first wave is left out)",
}


def entitle(specification: Specification) -> str:
    """The title of a specification: the plan's, or one that is made from its parts.

    One that is made begins with the name, which no other specification of the plan has.
    """
    if specification.title:
        return specification.title
    parts = (
        _estimator(specification)[0],
        f"{_use(specification)}, {_count(specification)}",
        _of_wave(specification),
        "weighted" if specification.weights != "none" else "",
        specification.missing if specification.missing != "complete" else "",
    )
    name = specification.specification.replace("_", " ")
    return f"{name}: {', '.join(filter(None, parts))}"


def state(specification: Specification, words: Words | None = None) -> str:
    """What is fitted, in sentences: everything but the rows and the people."""
    names = words or {}
    outcome = _name(specification.outcome, names)
    wave = _of_wave(specification)
    sentences = (
        f"{outcome} on {_use(specification)} of {_jointly(specification, names)}"
        f"{f' ({wave})' if wave else ''}, by {_estimator(specification)[1]}.",
        f"Adjusted for: {adjustments(specification, names)}.",
        f"Use is counted {window_text(specification.window.name)}."
        if specification.window
        else "",
        _spread(specification),
        _MISSING.get(specification.missing, f"Missing: {specification.missing}."),
        f"Rows are weighted ({specification.weights})."
        if specification.weights != "none"
        else "",
    )
    return " ".join(filter(None, sentences))


def adjustments(specification: Specification, words: Words | None = None) -> str:
    """Effects and covariates, in words; `nothing` where there are none."""
    names = words or {}
    previous = [
        _varying(name, specification.outcome, names) for name in specification.varying
    ]
    effects = {"participant": "each person's own level", "wave": "wave"}
    parts = [
        *(effects[effect] for effect in specification.effects),
        *(_name(name, names) for name in specification.fixed),
        *previous,
        *(
            f"{_name(specification.outcome, names)} {_HISTORY[kind]}"
            for kind in specification.outcome_history
        ),
    ]
    if specification.shift > 0:
        parts.append("use of the outcome's own wave")
    return ", ".join(parts) or "nothing"


def window_text(name: str) -> str:
    """When use is counted, by the name of the window."""
    days = name.removeprefix("lookback_")
    return _WINDOWS.get(name, f"in the {days} days before the answer")


def _estimator(specification: Specification) -> tuple[str, str]:
    name = specification.estimator.replace("_", " ")
    return _ESTIMATORS.get(specification.estimator, (name, name))


def _use(specification: Specification) -> str:
    measure = specification.measure
    use = _MEASURES.get(measure, measure.replace("_", " "))
    if specification.transform == "any":
        return "any use"
    return f"log(1 + {use})" if specification.transform == "log1p" else use


def _count(specification: Specification) -> str:
    count = len(specification.exposures)
    return "alone" if count == 1 else f"{count} functions jointly"


def _jointly(specification: Specification, words: Words) -> str:
    names = [_name(name, words) for name in specification.exposures]
    if len(names) == 1:
        return f"{names[0]} alone"
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{listed}, jointly: each is adjusted for the others"


def _of_wave(specification: Specification) -> str:
    """Of which wave the use is; empty for the outcome's own."""
    shift = specification.shift
    if not shift:
        return ""
    if shift > 0:
        return "placebo: use of the next wave, which cannot have led to the outcome"
    return "use of the wave before" if shift == -1 else f"use {-shift} waves before"


def _varying(name: str, outcome: str, words: Words) -> str:
    """A covariate that changes: a score of the wave before, or of the same."""
    score = name.removesuffix(previous_wave_column(""))
    if score == name:
        return f"{_name(name, words)} of the same wave"
    return f"{_name(score, words)} of the wave before (so a first wave is left out)"


def _spread(specification: Specification) -> str:
    own = _OWN_ERRORS.get(specification.estimator)
    if own:
        return own
    if specification.weights != "none":
        return (
            "Standard errors: the larger of a bootstrap of persons and of those clustered"
            " by person."
        )
    return _ERRORS[specification.errors]


def _name(column: str, words: Words) -> str:
    return words.get(column, column)
