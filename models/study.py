"""The study file: waves, instruments, consent, exposure, plan. Written once, kept.

`load` reads a study folder and checks it as a whole: names that must exist in
the catalogue or the instruments, dates that must not overlap.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    model_validator,
)

from models import catalogue as catalogues
from models import instruments as instrument_files
from models import measures, yaml_files
from models.catalogue import Catalogue, Questionnaires
from models.instruments import Instrument
from models.measures import AS_IS, Column
from models.yaml_files import Document, Frozen, Location, NotFound

FILE = "study.yaml"
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
_OF_SCORES = ("", "_missing", "_prorated", "_straightlined", "_inconsistent")

WindowKind = Literal["between_waves", "between_responses", "lookback"]
Measure = Literal["count", "days", "days_per_week", "frequency"]
Transform = Literal["none", "log1p"]
Estimator = Literal[
    "pooled",
    "between",
    "random_effects",
    "fixed_effects",
    "first_difference",
    "within_between",
    "gee",
    "gmm",
    "ri_clpm",
]
Preset = Literal[
    "pooled",
    "fixed_effects",
    "first_difference",
    "lagged",
    "lead",
    "gee",
    "gmm",
    "ri_clpm",
    "weighted",
    "imputed",
    "delta",
]
Effect = Literal["participant", "wave"]
Weights = Literal["none", "attrition", "participation"]
Missing = Literal["complete", "imputed", "delta"]
CovariateKind = Literal["fixed", "previous_wave", "same_wave"]

NEVER_CONFIRMATORY = ("gmm", "ri_clpm")
"""Estimators that rest on too much to decide anything by themselves."""


def known_zone(name: str) -> str:
    """The name, if it is of a time zone; else `ValueError`."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(
            f"'{name}' is not a time zone; write one like Asia/Tokyo"
        ) from None
    return name


def _titles(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


Days = Annotated[int, Field(ge=1, le=3660)]
"""A length of ten years at most: every day of it is held in memory."""

Day = Annotated[date, Field(ge=date(1980, 1, 1), le=date(2129, 12, 31))]
"""A day for which the engine's days reach ten years back and on."""


class Window(Frozen):
    """When use counts towards an answer: half-open, study-local midnights."""

    kind: WindowKind
    days: Days | None = None

    @property
    def name(self) -> str:
        """`between_waves`, `between_responses` or `lookback_<days>`."""
        return f"{self.kind}_{self.days}" if self.days else self.kind


def _window(value: Any) -> Any:
    if isinstance(value, dict) and list(value) == ["lookback"]:
        return {"kind": "lookback", "days": value["lookback"]}
    if value in ("between_waves", "between_responses"):
        return {"kind": value}
    if isinstance(value, Window):
        return value
    raise ValueError("write between_waves, between_responses or {lookback: days}")


WindowField = Annotated[Window, BeforeValidator(_window)]


def _effects(value: Any) -> Any:
    return () if value == "none" else value


def _timing(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"same|(lag|lead) [1-9]\d?", value):
        return value
    raise ValueError("write same, lag 1 (the wave before) or lead 1 (the next wave)")


Timing = Annotated[str, BeforeValidator(_timing)]
"""`same`, `lag k` or `lead k`: of which wave the exposure is, by wave number."""


class Wave(Frozen):
    """A measurement: calendar days (both included), or days from enrolment."""

    wave: int = Field(ge=1)
    opens_on: Day | None = None
    closes_on: Day | None = None
    opens_after_days: int | None = Field(default=None, ge=0, le=3660)
    open_days: Days | None = None
    round: int = Field(default=1, ge=1)
    """People enrol in a round; they have no rows in the waves of another one."""

    @model_validator(mode="after")
    def _one_calendar(self) -> "Wave":
        dates = (self.opens_on is not None) + (self.closes_on is not None)
        days = (self.opens_after_days is not None) + (self.open_days is not None)
        if (dates, days) not in ((2, 0), (0, 2)):
            raise ValueError(
                "give opens_on and closes_on, or opens_after_days and open_days"
            )
        if self.opens_on and self.closes_on and self.closes_on < self.opens_on:
            raise ValueError("the wave closes before it opens")
        return self

    @property
    def span(self) -> tuple[int, int]:
        """First day and the day after the last, as ordinals or days from enrolment."""
        if self.opens_on and self.closes_on:
            return self.opens_on.toordinal(), self.closes_on.toordinal() + 1
        return self._days_after, self._days_after + (self.open_days or 0)

    @property
    def _days_after(self) -> int:
        return self.opens_after_days or 0


def _since(value: Any) -> Any:
    if value in ("retrospective", "consent") or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        problem = "write consent, retrospective, or a day like 2027-01-31"
        raise ValueError(problem) from None


Since = Annotated[Literal["retrospective", "consent"] | date, BeforeValidator(_since)]


class Renewal(Frozen):
    """A version of the consent that needs a new yes, from a study-local day on."""

    version: int = Field(ge=2, le=1000)
    from_on: date = Field(alias="from")


class Consent(Frozen):
    """Scopes a person must have agreed to before anything of theirs counts.

    Use before the yes counts only for those who agreed to the scope `retrospective`,
    and only if `telemetry_from` reaches back.
    """

    required: tuple[str, ...] = ("survey", "telemetry")
    telemetry_from: Since = "consent"
    renewals: tuple[Renewal, ...] = ()


class Exposure(Frozen):
    """The window and the functions whose measured use is the exposure."""

    window: WindowField = Window(kind="between_waves")
    first_window_days: Days | None = None
    functions: tuple[str, ...] = Field(min_length=1)
    measures: tuple[str, ...] = ()
    """Further measures (`models.measures`) that the panel shall have."""


class Outage(Frozen):
    """A time in which some functions' events were not recorded."""

    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")
    functions: tuple[str, ...] = Field(min_length=1)
    handling: Literal["missing", "prorate"] = "missing"

    @model_validator(mode="after")
    def _in_order(self) -> "Outage":
        if self.end <= self.start:
            raise ValueError("the outage ends before it begins")
        return self


class Covariates(Frozen):
    """`fixed`: of a person's first answer; scores one wave before, and of the same."""

    fixed: tuple[str, ...] = ()
    previous_wave: tuple[str, ...] = ()
    same_wave: tuple[str, ...] = ()
    """Measured together with the outcome: for exploratory specifications only."""


class PlannedSpecification(Frozen):
    """One entry of the plan; expands to one specification an outcome (and exposure)."""

    specification: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    estimator: Estimator
    outcomes: tuple[str, ...] = Field(min_length=1)
    exposures: tuple[str, ...] = ()
    exposures_each: tuple[str, ...] = ()
    measure: str = "days_per_week"
    """A `Measure`, or a further one that the study asks for."""
    transform: Transform = "none"
    effects: Annotated[tuple[Effect, ...] | None, BeforeValidator(_effects)] = None
    timing: Timing | None = None
    """None: `same`, or `lag 1` for the estimator ri_clpm."""
    covariates: tuple[CovariateKind, ...] = ()
    weights: Weights = "none"
    missing: Missing = "complete"
    spacing: Literal["equal", "any"] = "equal"
    """`any`: waves that are not equally far apart are taken as if they were."""
    window: WindowField | None = None

    @model_validator(mode="after")
    def _some_exposure(self) -> "PlannedSpecification":
        if measures.of(self.measure) == "person":
            if self.exposures or self.exposures_each:
                raise ValueError(f"{self.measure} is of the person; give no exposures")
        elif bool(self.exposures) == bool(self.exposures_each):
            raise ValueError(
                "give either exposures (jointly) or exposures_each (one by one)"
            )
        return self

    @model_validator(mode="after")
    def _one_remedy(self) -> "PlannedSpecification":
        if self.weights != "none" and self.missing != "complete":
            raise ValueError("weights are for complete cases; give weights or missing")
        return self


class Plan(Frozen):
    """What will be fitted; the confirmatory part was written before the data."""

    confirmatory: tuple[PlannedSpecification, ...] = ()
    adjust: Literal["holm"] = "holm"
    sensitivity: tuple[Preset, ...] = ()
    exploratory: tuple[PlannedSpecification, ...] = ()


class Disclosure(Frozen):
    """Counts of 1 to `suppress_below` - 1 are withheld, the others rounded."""

    suppress_below: int = Field(default=8, ge=1)
    round_to: int = Field(default=5, ge=1)


def _cron(line: Any) -> Any:
    """A cron line of five fields that comes at some time, as Prefect takes it."""
    if isinstance(line, str) and re.fullmatch(
        r"(?!.*\b[hr]\b)(\S+ +){4}\S+", line, re.I
    ):
        # What reads it is heavy, and only wanted where there is one.
        from croniter import croniter

        with suppress(ValueError):  # what all its errors are
            croniter(line, datetime(2000, 1, 1, tzinfo=UTC)).get_next()
            return line
    raise ValueError(
        "not a cron line; write minute, hour, day, month, weekday, "
        'for example "0 3 * * *" for 03:00 every night'
    )


class Schedule(Frozen):
    """When flows run by themselves, in the study's time zone."""

    study: Annotated[str, BeforeValidator(_cron)] = "0 3 * * *"


class Planned(Frozen):
    """What there is to say of any study that has a plan."""

    study: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: Annotated[dict[str, str], BeforeValidator(_titles)]
    covariates: Covariates = Covariates()
    smallest_effect: dict[str, float | str] = {}
    plan: Plan = Plan()
    frame: Literal["enrolled"] | None = None
    """Whose use may say who takes part: everybody with rows in the panel, or nobody's."""

    @property
    def own_window(self) -> Window | None:
        """When use counts where a specification does not say; None if unknown."""
        return None

    def smallest(self, outcome: str) -> float | None:
        """The smallest effect of interest, in points of the outcome."""
        value = self.smallest_effect.get(outcome)
        return float(value) if value is not None else None


class PanelStudy(Planned):
    """A study of a panel from elsewhere: what it names are the panel's columns."""


class Study(Planned):
    """A study, as its file says it."""

    timezone: Annotated[str, AfterValidator(known_zone)]
    catalogue: str = "u2plus"
    enrolment: Literal["roster", "activity"] = "roster"
    """`activity`: nobody kept a roster; a person enrols with the first event or answer."""
    consent: Consent | Literal["external"] = Consent()
    coverage: Literal["heartbeats", "assumed"] = "heartbeats"
    waves: tuple[Wave, ...] = Field(min_length=1)
    instruments: tuple[str, ...] = Field(min_length=1)
    exposure: Exposure
    outages: tuple[Outage, ...] = ()
    outcomes: tuple[str, ...] = Field(min_length=1)
    disclosure: Disclosure = Disclosure()
    schedule: Schedule = Schedule()
    retention: dict[Literal["months"], int] = {}

    @property
    def own_window(self) -> Window:
        """The window of the study's own exposure."""
        return self.exposure.window

    @property
    def zone(self) -> ZoneInfo:
        """The time zone whose midnights bound the study's days."""
        return ZoneInfo(self.timezone)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Every window some specification needs, the study's own first."""
        planned = (*self.plan.confirmatory, *self.plan.exploratory)
        wanted = [self.exposure.window, *(p.window for p in planned if p.window)]
        return tuple(dict.fromkeys(wanted))


@dataclass(frozen=True)
class StudyFolder:
    """A study with the catalogue and the instruments that it names."""

    path: Path
    study: Study
    catalogue: Catalogue
    instruments: tuple[Instrument, ...]
    text: str

    @property
    def version(self) -> str:
        """Hash of the study file, its catalogue and its instruments as used."""
        named = [self.catalogue, *self.instruments]
        texts = [self.text, *(one.model_dump_json() for one in named)]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]

    @property
    def measures(self) -> list[Column]:
        """The panel's columns of the further measures that the study asks for."""
        exposure = self.study.exposure
        return measures.columns(exposure.measures, exposure.functions, self.catalogue)

    @property
    def outcomes(self) -> list[str]:
        """Every score column that the study's instruments yield."""
        return [name for one in self.instruments for name in one.score_columns]

    @property
    def use_columns(self) -> list[str]:
        """The panel's columns of measured use."""
        functions = self.study.exposure.functions
        usual = [f"{one}_{kind}" for one in functions for kind in get_args(Measure)]
        return usual + [one.name for one in self.measures]

    @property
    def answer_columns(self) -> list[str]:
        """Columns that the panel may have of scores, of their flags and of self-reports."""
        scores = [f"{one}{what}" for one in self.outcomes for what in _OF_SCORES]
        asked = [
            f"{function}_self_report"
            for one in self.instruments
            for function in instrument_files.self_reports(one)
        ]
        return [*scores, *asked, "too_fast"]


def load(folder: Path) -> StudyFolder:
    """Read `folder`/study.yaml with all it names, and check it as a whole.

    Raises `FileError` (file, line, remedy) for the first thing that is wrong.
    """
    document = yaml_files.read(folder / FILE, Study)
    study = document.value
    with _named(document, ["catalogue"]):
        catalogue = catalogues.find(study.catalogue, folder)
    instruments = tuple(_instruments(document, folder))
    waves = tuple(wave.wave for wave in study.waves)
    asked = {one.instrument: one for one in instruments}
    catalogue = catalogue.asking(Questionnaires(waves, asked))
    loaded = StudyFolder(folder, study, catalogue, instruments, document.text)
    _check_codes(document, instruments)
    _check_waves(document)
    _check_measures(document, loaded)
    _check_functions(document, loaded)
    _check_columns(document, loaded)
    _check_scores(document, loaded.outcomes)
    _check_fixed_covariates(document, loaded)
    _check_own_covariates(document, _parts(instruments))
    _check_confirmatory(document)
    _check_frame(document)
    return loaded


def load_of_panel(folder: Path) -> Document[PanelStudy]:
    """Read `folder`/study.yaml as that of a panel from elsewhere.

    Raises `FileError` (file, line, remedy) for the first thing that is wrong.
    """
    document = yaml_files.read(folder / FILE, PanelStudy)
    for location, planned in _planned(document.value):
        for key in ("measure", "window"):
            if key in planned.model_fields_set:
                problem = "a panel's columns are taken as they are; remove it"
                raise document.error([*location, key], problem)
    _check_own_covariates(document, {})
    _check_confirmatory(document)
    _check_frame(document)
    return replace(document, value=_as_is(document.value))


def _as_is(study: PanelStudy) -> PanelStudy:
    """The study with no other measure of a column than the column."""
    plan = study.plan
    parts = {
        part: tuple(
            one.model_copy(update={"measure": AS_IS}) for one in getattr(plan, part)
        )
        for part in ("confirmatory", "exploratory")
    }
    return study.model_copy(update={"plan": plan.model_copy(update=parts)})


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a study-local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _instruments(document: Document[Study], folder: Path) -> Iterator[Instrument]:
    for index, name in enumerate(document.value.instruments):
        with _named(document, ["instruments", index]):
            yield instrument_files.find(name, folder).value


@contextmanager
def _named(document: Document[Study], location: Location) -> Iterator[None]:
    """A file that is not there is a mistake at the place that names it."""
    try:
        yield
    except NotFound as missing:
        raise document.error(location, missing.problem) from None


def _check_codes(
    document: Document[Study], instruments: tuple[Instrument, ...]
) -> None:
    """An item is found by its code alone, so no two instruments may share one."""
    seen: dict[str, str] = dict.fromkeys(PANEL, "the panel's columns")
    for index, one in enumerate(instruments):
        for item in one.items:
            if item.code in seen:
                problem = f"item '{item.code}' is also one of {seen[item.code]}"
                raise document.error(["instruments", index], f"{problem}; rename it")
            seen[item.code] = one.instrument


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


def _check_measures(document: Document[Study], folder: StudyFolder) -> None:
    exposure = document.value.exposure
    known = measures.known(exposure.functions, folder.catalogue)
    for index, name in enumerate(exposure.measures):
        place: Location = ["exposure", "measures", index]
        if name not in known:
            problem = f"no measure '{name}'; {yaml_files.nearest(name, known)}"
            raise document.error(place, problem)
        if name in exposure.measures[:index]:
            raise document.error(place, f"'{name}' stands twice")
    for location, planned in _planned(document.value):
        name, asked = planned.measure, [*get_args(Measure), *exposure.measures]
        if name not in asked:
            remedy = yaml_files.nearest(name, asked)
            if name in known:
                remedy = "ask for it under exposure: measures"
            raise document.error(
                [*location, "measure"], f"no measure '{name}'; {remedy}"
            )


def _check_columns(document: Document[Study], folder: StudyFolder) -> None:
    for name, times in Counter(folder.use_columns).items():
        if times > 1:
            problem = f"'{name}' would stand twice; rename a value in the catalogue"
            raise document.error(["exposure", "measures"], problem)
    columns = [*PANEL, *folder.use_columns, *folder.answer_columns]
    for name, times in Counter(columns).items():
        if times > 1:
            problem = (
                f"column '{name}' would stand twice; rename an instrument or scale"
            )
            raise document.error(["instruments"], problem)


def _check_functions(document: Document[Study], folder: StudyFolder) -> None:
    study, known = document.value, folder.catalogue.functions
    places: list[tuple[Location, tuple[str, ...], list[str]]] = [
        (["exposure", "functions"], study.exposure.functions, known)
    ]
    places += [
        (["outages", i, "functions"], one.functions, known)
        for i, one in enumerate(study.outages)
    ]
    for location, planned in _planned(study):
        chosen = _measured(folder, planned.measure)
        for key in ("exposures", "exposures_each"):
            places.append(([*location, key], getattr(planned, key), chosen))
    for i, one in enumerate(folder.instruments):
        # A shipped one may ask about functions that this platform does not have.
        own = study.instruments[i] != one.instrument
        for name in instrument_files.self_reports(one) if own else ():
            if name not in known:
                problem = f"{one.instrument}: no function '{name}'"
                remedy = yaml_files.nearest(name, known)
                raise document.error(["instruments", i], f"{problem}; {remedy}")
    for location, names, chosen in places:
        for index, name in enumerate(names):
            if name not in chosen:
                problem = f"no function '{name}'; {yaml_files.nearest(name, chosen)}"
                raise document.error([*location, index], problem)
            if name in names[:index]:
                raise document.error([*location, index], f"'{name}' stands twice")


def _measured(folder: StudyFolder, measure: str) -> list[str]:
    """What a measure can be an exposure of: functions, or the values of its field."""
    if measures.of(measure) == "value":
        return [one.name for one in folder.measures if one.measure == measure]
    return list(folder.study.exposure.functions)


def _check_scores(document: Document[Study], known: list[str]) -> None:
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
            if name not in known:
                problem = f"no score '{name}'; {yaml_files.nearest(name, known)}"
                raise document.error([*location, index], problem)


def _check_fixed_covariates(document: Document[Study], folder: StudyFolder) -> None:
    known = [item.code for one in folder.instruments for item in one.items]
    columns = {*folder.use_columns, *folder.answer_columns}
    columns |= {f"{name}_previous" for name in columns}
    fixed = document.value.covariates.fixed
    for index, name in enumerate(fixed):
        place: Location = ["covariates", "fixed", index]
        if name not in known:
            problem = f"no item '{name}'; {yaml_files.nearest(name, known)}"
            raise document.error(place, problem)
        if name in columns:
            problem = f"'{name}' is another column of the panel too; rename the item"
            raise document.error(place, problem)
        if name in fixed[:index]:
            raise document.error(place, f"'{name}' stands twice")


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
    names: set[str] = set()
    for location, planned in _planned(document.value):
        if planned.specification in names:
            problem = (
                f"specification '{planned.specification}' stands twice; rename one"
            )
            raise document.error([*location, "specification"], problem)
        names.add(planned.specification)
        if location[1] == "confirmatory":
            _check_decisive(document, location, planned)


def _check_frame(document: Document[Study] | Document[PanelStudy]) -> None:
    """Use is looked at of people who never answered only where the file says so."""
    for location, planned in _planned(document.value):
        if planned.weights == "participation" and document.value.frame is None:
            problem = "participation weights use telemetry of people who never answered"
            remedy = "write 'frame: enrolled' in the study if that may be done"
            raise document.error([*location, "weights"], f"{problem}; {remedy}")


def _check_decisive(
    document: Document[Any], location: Location, planned: PlannedSpecification
) -> None:
    """What may not stand in a confirmatory specification."""
    if planned.estimator in NEVER_CONFIRMATORY:
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


def _planned(study: Planned) -> list[tuple[Location, PlannedSpecification]]:
    return [
        (["plan", part, index], planned)
        for part in ("confirmatory", "exploratory")
        for index, planned in enumerate(getattr(study.plan, part))
    ]
