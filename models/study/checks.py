"""Whether the parts of a study folder fit together: names that must exist, dates that must not overlap."""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import Any, get_args

from panelstream.models import config_file
from panelstream.models.config_file import Document, Location
from panelstream.models.instruments.instrument import Instrument, self_reports
from panelstream.models.study import measures
from panelstream.models.study.estimators import (
    CURVE_ESTIMATORS,
    ESTIMATOR_RULES,
    OUTCOME_HISTORY,
)
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import (
    Measure,
    PanelStudy,
    Planned,
    PlannedSpecification,
    Study,
    Window,
)

PANEL = (
    "participant_id",
    "wave",
    "wave_index",
    "round",
    "responded_at",
    "timing",
    "answered",
    "answered_next",
    "dropped_out",
    "window_start",
    "window_end",
    "window_days",
    "observed_days",
)
"""Columns that the panel of every study has."""
MOST_SPECIFICATIONS = 500
"""Combinations of a specification curve, for each of its regressions."""
_CURVE: Location = ["plan", "specification_curve"]
_FORKS: Location = [*_CURVE, "forks"]


def check_study(document: Document[Study], loaded: StudyFolder) -> None:
    """Check a study file against its catalogue and instruments.

    Raises `FileError` (file, line, remedy) for the first thing that is wrong.
    """
    _check_codes(document, loaded.instruments)
    _check_waves(document)
    _check_clocks(document)
    _check_measures(document, loaded)
    _check_functions(document, loaded)
    _check_columns(document, loaded)
    _check_scores(document, loaded.outcomes)
    _check_fixed_covariates(document, loaded)
    _check_own_covariates(document, _parts(loaded.instruments))
    _check_confirmatory(document)
    _check_outcome_history(document)
    _check_frame(document)
    _check_curve(document)
    _check_curve_measures(document)


def check_panel_study(document: Document[PanelStudy]) -> None:
    """Check the study file of a panel from elsewhere.

    Raises `FileError` (file, line, remedy) for the first thing that is wrong.
    """
    for location, planned in _planned(document.value):
        for key in ("measure", "window"):
            if key in planned.model_fields_set:
                problem = "a panel's columns are taken as they are; remove it"
                raise document.error([*location, key], problem)
    _check_own_covariates(document, {})
    _check_confirmatory(document)
    _check_outcome_history(document)
    _check_frame(document)
    _check_curve_columns(document)
    _check_curve(document)


def _check_codes(
    document: Document[Study], instruments: tuple[Instrument, ...]
) -> None:
    """An item is found by its code alone, so no two instruments may share one."""
    origins: dict[str, str] = dict.fromkeys(PANEL, "the panel's columns")
    for index, instrument in enumerate(instruments):
        for item in instrument.items:
            if item.code in origins:
                problem = f"item '{item.code}' is also one of {origins[item.code]}"
                raise document.error(["instruments", index], f"{problem}; rename it")
            origins[item.code] = instrument.instrument


def _check_waves(document: Document[Study]) -> None:
    waves = document.value.waves
    for index, (earlier, later) in enumerate(pairwise(waves), start=1):
        if later.wave <= earlier.wave:
            raise document.error(
                ["waves", index],
                f"wave {later.wave} after {earlier.wave}: number them upwards",
            )
        if bool(later.opens_on) != bool(earlier.opens_on):
            raise document.error(
                ["waves", index], "calendar waves and enrolment waves do not mix"
            )
        if later.round < earlier.round:
            raise document.error(["waves", index], "rounds must follow one another")
        same = later.opens_on is not None or later.round == earlier.round
        if same and later.span[0] < earlier.span[1]:
            raise document.error(
                ["waves", index],
                f"wave {later.wave} opens before wave {earlier.wave} closes; move one of them",
            )


def _check_clocks(document: Document[Study]) -> None:
    corrections = document.value.clock_corrections
    for index, correction in enumerate(corrections):
        for number, earlier in enumerate(corrections[:index], start=1):
            if correction.overlaps(earlier):
                raise document.error(
                    ["clock_corrections", index],
                    f"'{correction.source}' is corrected twice at some times, here and "
                    f"in entry {number}; end one where the other begins",
                )


def _check_measures(document: Document[Study], folder: StudyFolder) -> None:
    exposure = document.value.exposure
    available = measures.available_measures(exposure.functions, folder.catalogue)
    for index, name in enumerate(exposure.measures):
        place: Location = ["exposure", "measures", index]
        if name not in available:
            problem = f"no measure '{name}'; {config_file.nearest(name, available)}"
            raise document.error(place, problem)
        if name in exposure.measures[:index]:
            raise document.error(place, f"duplicate '{name}'")
    for location, planned in _planned(document.value):
        name, requested = planned.measure, [*get_args(Measure), *exposure.measures]
        if name not in requested:
            remedy = config_file.nearest(name, requested)
            if name in available:
                remedy = "ask for it under exposure: measures"
            raise document.error(
                [*location, "measure"], f"no measure '{name}'; {remedy}"
            )


def _check_columns(document: Document[Study], folder: StudyFolder) -> None:
    for name, times in Counter(folder.use_columns).items():
        if times > 1:
            problem = f"duplicate column '{name}'; rename a value in the catalogue"
            raise document.error(["exposure", "measures"], problem)
    columns = [*PANEL, *folder.use_columns, *folder.answer_columns]
    for name, times in Counter(columns).items():
        if times > 1:
            problem = f"duplicate column '{name}'; rename an instrument or scale"
            raise document.error(["instruments"], problem)


def _check_functions(document: Document[Study], folder: StudyFolder) -> None:
    study, functions = document.value, folder.catalogue.functions
    places: list[tuple[Location, tuple[str, ...], list[str]]] = [
        (["exposure", "functions"], study.exposure.functions, functions)
    ]
    places += [
        (["outages", i, "functions"], outage.functions, functions)
        for i, outage in enumerate(study.outages)
    ]
    for name in study.exposure.measured_for:
        chosen = list(study.exposure.functions)
        places.append((["exposure", "measured_for", name], (name,), chosen))
    for location, planned in _planned(study):
        chosen = _measured(folder, planned.measure)
        for key in ("exposures", "exposures_each"):
            places.append(([*location, key], getattr(planned, key), chosen))
    for i, instrument in enumerate(folder.instruments):
        # A shipped one may ask about functions that this platform does not have.
        is_own = study.instruments[i] != instrument.instrument
        for name in self_reports(instrument) if is_own else ():
            if name not in functions:
                problem = f"{instrument.instrument}: no function '{name}'"
                remedy = config_file.nearest(name, functions)
                raise document.error(["instruments", i], f"{problem}; {remedy}")
    for location, names, chosen in places:
        for index, name in enumerate(names):
            if name not in chosen:
                problem = f"no function '{name}'; {config_file.nearest(name, chosen)}"
                raise document.error([*location, index], problem)
            if name in names[:index]:
                raise document.error([*location, index], f"duplicate '{name}'")


def _measured(folder: StudyFolder, measure: str) -> list[str]:
    """What a measure can be an exposure of: functions, or the values of its field."""
    if measures.measure_scope(measure) == "value":
        return [column.name for column in folder.measures if column.measure == measure]
    return list(folder.study.exposure.functions)


def _check_scores(document: Document[Study], scores: list[str]) -> None:
    study = document.value
    places: list[tuple[Location, tuple[str, ...]]] = [
        (["outcomes"], study.outcomes),
        (["covariates", "previous_wave"], study.covariates.previous_wave),
        (["covariates", "same_wave"], study.covariates.same_wave),
    ]
    for at, planned in _planned(study):
        places.append(([*at, "outcomes"], planned.outcomes))
    effects = tuple(name for name in study.smallest_effect if name != "per")
    places.extend((["smallest_effect", name], (name,)) for name in effects)
    for location, names in places:
        for index, name in enumerate(names):
            if name not in scores:
                problem = f"no score '{name}'; {config_file.nearest(name, scores)}"
                raise document.error([*location, index], problem)


def _check_fixed_covariates(document: Document[Study], folder: StudyFolder) -> None:
    items = [
        item.code for instrument in folder.instruments for item in instrument.items
    ]
    columns = {*folder.use_columns, *folder.answer_columns}
    columns |= {f"{name}_previous" for name in columns}
    fixed = document.value.covariates.fixed
    for index, name in enumerate(fixed):
        place: Location = ["covariates", "fixed", index]
        if name not in items:
            problem = f"no item '{name}'; {config_file.nearest(name, items)}"
            raise document.error(place, problem)
        if name in columns:
            problem = f"'{name}' is another column of the panel too; rename the item"
            raise document.error(place, problem)
        if name in fixed[:index]:
            raise document.error(place, f"duplicate '{name}'")


def _parts(instruments: tuple[Instrument, ...]) -> dict[str, tuple[str, ...]]:
    """The items that each score is made of."""
    return {
        instrument.column(scale): scale.items
        for instrument in instruments
        for scale in instrument.scales
    }


def _check_own_covariates(
    document: Document[Any], parts: Mapping[str, tuple[str, ...]]
) -> None:
    """An outcome is not its own covariate, neither whole nor in part."""
    fixed = document.value.covariates.fixed
    for _, planned in _planned(document.value):
        for outcome in planned.outcomes if "fixed" in planned.covariates else ():
            for index, name in enumerate(fixed):
                if name in (outcome, *parts.get(outcome, ())):
                    problem = f"'{name}' is of the outcome {outcome}, which is no covariate of itself"
                    raise document.error(["covariates", "fixed", index], problem)


def _check_confirmatory(document: Document[Any]) -> None:
    names, titles = set[str](), set[str]()
    for location, planned in _planned(document.value):
        if planned.specification in names:
            problem = f"duplicate specification '{planned.specification}'; rename one"
            raise document.error([*location, "specification"], problem)
        if planned.title and planned.title in titles:
            problem = f"duplicate title '{planned.title}'; change one"
            raise document.error([*location, "title"], problem)
        names.add(planned.specification)
        titles.add(planned.title)
        if location[1] == "confirmatory":
            _check_decisive(document, location, planned)


def _check_frame(document: Document[Study] | Document[PanelStudy]) -> None:
    """Use is looked at of people who never answered only where the file says so."""
    for location, planned in _planned(document.value):
        if planned.weights == "participation" and document.value.frame is None:
            problem = "participation weights use telemetry of people who never answered"
            remedy = "write 'frame: enrolled' in the study if that may be done"
            raise document.error([*location, "weights"], f"{problem}; {remedy}")


def _check_outcome_history(document: Document[Any]) -> None:
    """An earlier value of the outcome is a covariate only where it is not biased."""
    for location, planned in _planned(document.value):
        for index, kind in enumerate(planned.covariates):
            rules = ESTIMATOR_RULES[planned.estimator]
            problem = kind in OUTCOME_HISTORY and rules.outcome_history_problem([kind])
            if problem:
                raise document.error([*location, "covariates", index], problem)


def _check_decisive(
    document: Document[Any], location: Location, planned: PlannedSpecification
) -> None:
    """What may not stand in a confirmatory specification."""
    if not ESTIMATOR_RULES[planned.estimator].confirmatory:
        problem = f"{planned.estimator} is never confirmatory; move it to exploratory"
        raise document.error([*location, "estimator"], problem)
    if "same_wave" in planned.covariates:
        problem = "a covariate measured with the outcome is never confirmatory"
        where: Location = [
            *location,
            "covariates",
            planned.covariates.index("same_wave"),
        ]
        raise document.error(where, f"{problem}; use previous_wave")


def _check_curve(document: Document[Study] | Document[PanelStudy]) -> None:
    """A curve has starts, whose own choices are among the alternatives of its forks."""
    plan = document.value.plan
    if plan.specification_curve is None:
        return
    _check_curve_starts(document)
    _check_curve_estimators(document)
    _check_curve_size(document)
    forks = plan.specification_curve.forks.alternatives
    if "participation" in forks.get("weights", ()) and document.value.frame is None:
        problem = "participation weights use telemetry of people who never answered"
        remedy = "write 'frame: enrolled' in the study if that may be done"
        raise document.error([*_FORKS, "weights"], f"{problem}; {remedy}")
    for start in plan.curve_starts:
        for fork, alternatives in forks.items():
            own = _own_choice(document.value, start, fork)
            if own not in alternatives:
                problem = f"'{start.specification}' is fitted with {_in_words(own)}"
                raise document.error(
                    [*_FORKS, fork], f"{problem}, which is no alternative here; add it"
                )


def _check_curve_starts(document: Document[Any]) -> None:
    plan = document.value.plan
    names = [entry.specification for entry in plan.confirmatory]
    if not names:
        problem = "it starts from confirmatory specifications, and there is none"
        raise document.error(_CURVE, problem)
    for index, name in enumerate(plan.specification_curve.start_from):
        if name not in names:
            problem = f"no confirmatory specification '{name}'"
            raise document.error(
                [*_CURVE, "start_from", index],
                f"{problem}; {config_file.nearest(name, names)}",
            )
    for start in plan.curve_starts:
        later = bool(start.timing) and start.timing.startswith("lead")
        if later or start.missing != "complete":
            problem = f"'{start.specification}' cannot be in a specification curve"
            remedy = "start from one of complete cases and of no later wave's use"
            raise document.error(_CURVE, f"{problem}; {remedy}")
    planned = {outcome for start in plan.curve_starts for outcome in start.outcomes}
    for outcome in plan.specification_curve.predicted:
        if outcome not in planned:
            remedy = config_file.nearest(outcome, sorted(planned))
            problem = f"no outcome '{outcome}' in the curve; {remedy}"
            raise document.error([*_CURVE, "predicted", outcome], problem)


def _check_curve_estimators(document: Document[Any]) -> None:
    """All estimates of a curve are within people, in points."""
    plan, remedy = document.value.plan, f"use {', '.join(CURVE_ESTIMATORS)}"
    for start in plan.curve_starts:
        if start.estimator not in CURVE_ESTIMATORS:
            problem = f"'{start.specification}' is fitted by {start.estimator}, whose estimates are not comparable"
            raise document.error(_CURVE, f"{problem}; {remedy}")
    for index, name in enumerate(plan.specification_curve.forks.estimator or ()):
        if name not in CURVE_ESTIMATORS:
            problem = f"estimates of {name} are not comparable; {remedy}"
            raise document.error([*_FORKS, "estimator", index], problem)


def _check_curve_size(document: Document[Any]) -> None:
    alternatives = document.value.plan.specification_curve.forks.alternatives
    size = prod(len(choices) for choices in alternatives.values())
    if not alternatives:
        raise document.error(_FORKS, "no fork; give one of them two alternatives")
    if size > MOST_SPECIFICATIONS:
        problem = f"{size} combinations, and {MOST_SPECIFICATIONS} at most are fitted"
        raise document.error(_FORKS, f"{problem}; take a fork or an alternative out")


def _own_choice(study: Planned, start: PlannedSpecification, fork: str) -> Any:
    """What a start chose at a fork."""
    if fork == "exclude":
        return "nobody"
    return (
        start.window or study.own_window if fork == "window" else getattr(start, fork)
    )


def _in_words(choice: Any) -> str:
    if isinstance(choice, Window):
        return f"the window {choice.name}"
    return f"'{choice}'" if isinstance(choice, str) else f"[{', '.join(choice)}]"


def _check_curve_measures(document: Document[Study]) -> None:
    """Measures of one function, which can take each other's place."""
    study = document.value
    curve = study.plan.specification_curve
    requested = [*get_args(Measure), *study.exposure.measures]
    functions = [
        name for name in requested if measures.measure_scope(name) == "function"
    ]
    for index, name in enumerate(curve.forks.measure or () if curve else ()):
        if name not in functions:
            problem = f"no measure of a function '{name}'"
            remedy = config_file.nearest(name, functions)
            raise document.error([*_FORKS, "measure", index], f"{problem}; {remedy}")


def _check_curve_columns(document: Document[PanelStudy]) -> None:
    """What a panel from elsewhere cannot do otherwise."""
    curve = document.value.plan.specification_curve
    forks = curve.forks.alternatives if curve else {}
    for key in ("measure", "window"):
        if key in forks:
            problem = "a panel's columns are taken as they are; remove it"
            raise document.error([*_FORKS, key], problem)
    if "careless" in forks.get("exclude", ()):
        problem = "signs of careless responding are of a study's own panel; remove it"
        raise document.error([*_FORKS, "exclude"], problem)


def _planned(study: Planned) -> list[tuple[Location, PlannedSpecification]]:
    return [
        (["plan", part, index], planned)
        for part in ("confirmatory", "exploratory")
        for index, planned in enumerate(getattr(study.plan, part))
    ]
