"""The study file: waves, instruments, consent, exposure, plan. Its keys and their types."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from math import inf
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    model_validator,
)

from panelstream.models.config_file import Frozen
from panelstream.models.events.clocks import ClockCorrection
from panelstream.models.study import measures
from panelstream.models.study.assumptions import Power
from panelstream.models.study.estimators import (
    ESTIMATOR_RULES,
    Effect,
    ErrorType,
    EstimatorName,
    OutcomeHistory,
    PresetName,
)
from panelstream.models.timestamps import known_zone

WindowKind = Literal["between_waves", "between_responses", "lookback"]
Measure = Literal["count", "days", "days_per_week", "frequency"]
Transform = Literal["none", "log1p", "any"]
"""An exposure as it is, log(1 + exposure), or 1 for any and 0 for none."""
Weights = Literal["none", "attrition", "participation"]
Missing = Literal["complete", "imputed", "delta"]
PersonCovariate = Literal["fixed", "previous_wave", "same_wave"]
CovariateKind = PersonCovariate | OutcomeHistory
Exclusion = Literal["nobody", "careless", "first_wave", "incomplete"]
Sign = Literal["negative", "positive"]


DAYS = "days_per_week"
"""The measure of use that plans have if they give none."""


def use_scale(measure: str, transform: Transform) -> str:
    """A measure as it enters a regression, such as `log1p(count)`."""
    return measure if transform == "none" else f"{transform}({measure})"


def _require_scale(scale: str) -> None:
    """Raise `ValueError` if this is no measure, nor a transform of one."""
    transforms = "|".join(name for name in get_args(Transform) if name != "none")
    match = re.fullmatch(rf"(?:{transforms})\((\w+)\)|(\w+)", scale)
    measure = (match[1] or match[2]) if match else ""
    named = (*get_args(Measure), *measures.definitions(), measures.AS_IS)
    if measure not in named and not measures.measured_by_field(measure):
        raise ValueError(
            f"no scale of use '{scale}'; give a measure such as days_per_week, "
            "or log1p(days_per_week), any(days_per_week)"
        )


SmallestEffect = float | dict[str, float]
"""Points of an outcome for one unit of use: of days a week, or of each scale of use."""


def _sizes_and_a_unit(effects: Any) -> Any:
    """Smallest effects whose sizes are positive, on known scales, and their unit."""
    for name, value in effects.items() if isinstance(effects, Mapping) else ():
        if name == "per":
            if not isinstance(value, str):
                raise ValueError("per needs words, such as one active day a week more")
            continue
        sizes = value if isinstance(value, Mapping) else {DAYS: value}
        for scale, size in sizes.items():
            _require_scale(str(scale))
            number = isinstance(size, int | float) and not isinstance(size, bool)
            if not number or not 0 < size < inf:
                raise ValueError(f"{name} needs a number above 0, not {size}")
    return effects


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


def _telemetry_from(value: Any) -> Any:
    if value in ("retrospective", "consent") or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        problem = "write consent, retrospective, or a day like 2027-01-31"
        raise ValueError(problem) from None


TelemetryFrom = Annotated[
    Literal["retrospective", "consent"] | date, BeforeValidator(_telemetry_from)
]


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
    scopes: tuple[str, ...] = ()
    """Further scopes that people may agree to."""
    telemetry_from: TelemetryFrom = "consent"
    renewals: tuple[Renewal, ...] = ()


class Exposure(Frozen):
    """The window and the functions whose measured use is the exposure."""

    window: WindowField = Window(kind="between_waves")
    first_window_days: Days | None = None
    functions: tuple[str, ...] = Field(min_length=1)
    measures: tuple[str, ...] = ()
    """Further measures (`models.study.measures`) for the panel."""
    measured_for: dict[str, tuple[str, ...]] = {}
    """By function the groups of people of whom it is recorded; a function that is not
    named is recorded of everybody."""


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
    title: str = Field(default="", pattern=r"^$|[^\W\d_]")
    """What readers call it; made from its parts where there is none."""
    estimator: EstimatorName
    outcomes: tuple[str, ...] = Field(min_length=1)
    exposures: tuple[str, ...] = ()
    exposures_each: tuple[str, ...] = ()
    measure: str = DAYS
    """A `Measure`, or a further one that the study asks for."""
    transform: Transform = "none"
    effects: Annotated[tuple[Effect, ...] | None, BeforeValidator(_effects)] = None
    timing: Timing | None = None
    """None: that of the estimator's rules."""
    covariates: tuple[CovariateKind, ...] = ()
    weights: Weights = "none"
    missing: Missing = "complete"
    errors: ErrorType = "cr2"
    """Of estimators that correct them; others have their own."""
    spacing: Literal["equal", "any"] = "equal"
    """`any`: waves that are not equally far apart are taken as if they were."""
    window: WindowField | None = None

    @model_validator(mode="after")
    def _some_exposure(self) -> "PlannedSpecification":
        if measures.measure_scope(self.measure) == "person":
            if self.exposures or self.exposures_each:
                raise ValueError(f"{self.measure} is of the person; give no exposures")
        elif bool(self.exposures) == bool(self.exposures_each):
            raise ValueError(
                "give either exposures (jointly) or exposures_each (one by one)"
            )
        return self

    @model_validator(mode="after")
    def _errors_that_the_estimator_has(self) -> "PlannedSpecification":
        own = not ESTIMATOR_RULES[self.estimator].corrects_errors
        if own and "errors" in self.model_fields_set:
            raise ValueError(f"{self.estimator} has errors of its own; remove errors")
        return self

    @model_validator(mode="after")
    def _one_remedy(self) -> "PlannedSpecification":
        if self.weights != "none" and self.missing != "complete":
            raise ValueError("weights are for complete cases; give weights or missing")
        return self


def _alternatives(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(value) < 2:
        raise ValueError("a fork has two alternatives or more; add one or remove it")
    if len(set(value)) < len(value):
        raise ValueError("an alternative is there twice; remove one")
    return value


Alternatives = AfterValidator(_alternatives)


class Forks(Frozen):
    """Choices that could as well have been made otherwise, each with its alternatives."""

    window: Annotated[tuple[WindowField, ...] | None, Alternatives] = None
    measure: Annotated[tuple[str, ...] | None, Alternatives] = None
    transform: Annotated[tuple[Transform, ...] | None, Alternatives] = None
    estimator: Annotated[tuple[EstimatorName, ...] | None, Alternatives] = None
    covariates: Annotated[
        tuple[tuple[PersonCovariate, ...], ...] | None, Alternatives
    ] = None
    exclude: Annotated[tuple[Exclusion, ...] | None, Alternatives] = None
    weights: Annotated[tuple[Weights, ...] | None, Alternatives] = None

    @property
    def alternatives(self) -> dict[str, tuple[Any, ...]]:
        """The alternatives of each fork that is declared."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if value is not None}


class SpecificationCurve(Frozen):
    """Every combination of the alternatives of `forks`, from confirmatory specifications."""

    start_from: tuple[str, ...] = ()
    """Names of confirmatory specifications; none for all of them."""
    forks: Forks
    predicted: dict[str, Sign] = {}
    """By outcome the sign that was expected before the data."""
    permutations: int = Field(default=500, ge=99, le=20000)


class Plan(Frozen):
    """What will be fitted; the confirmatory part was written before the data."""

    confirmatory: tuple[PlannedSpecification, ...] = ()
    adjust: Literal["holm"] = "holm"
    fewest_people: float = Field(default=4.0, ge=1)
    """Effective people (degrees of freedom) below which there is no verdict."""
    sensitivity: tuple[PresetName, ...] = ()
    exploratory: tuple[PlannedSpecification, ...] = ()
    specification_curve: SpecificationCurve | None = None

    @property
    def curve_starts(self) -> tuple[PlannedSpecification, ...]:
        """The specifications that a specification curve starts from, if there is one."""
        curve = self.specification_curve
        if curve is None:
            return ()
        names = curve.start_from or [entry.specification for entry in self.confirmatory]
        return tuple(
            entry for entry in self.confirmatory if entry.specification in names
        )


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
    strict: bool = True
    """Whether a run fails where an export holds something odd, and does not store it."""


class Planned(Frozen):
    """What there is to say of any study that has a plan."""

    study: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: Annotated[dict[str, str], BeforeValidator(_titles)]
    covariates: Covariates = Covariates()
    smallest_effect: Annotated[
        dict[str, SmallestEffect | str], BeforeValidator(_sizes_and_a_unit)
    ] = {}
    plan: Plan = Plan()
    frame: Literal["enrolled"] | None = None
    """Whose use may say who takes part: everybody with rows in the panel, or nobody's."""
    power: Power = Power()
    """What is assumed to plan the number of participants; no estimate uses it."""

    @property
    def own_window(self) -> Window | None:
        """When use counts where a specification does not say; None if unknown."""
        return None

    def smallest(
        self, outcome: str, measure: str = DAYS, transform: Transform = "none"
    ) -> float | None:
        """The smallest effect of interest, in points of the outcome.

        For one unit of the measure as it enters; None where there is none for it.
        """
        sizes = self.smallest_effect.get(outcome)
        if isinstance(sizes, Mapping):
            return sizes.get(use_scale(measure, transform))
        plain = transform == "none" and measure in (DAYS, measures.AS_IS)
        return sizes if plain and isinstance(sizes, float) else None


class PanelStudy(Planned):
    """A study of a panel from elsewhere: what it names are the panel's columns."""


class Study(Planned):
    """A study, as its file says it."""

    timezone: Annotated[str, AfterValidator(known_zone)]
    catalogue: str = "u2plus"
    enrolment: Literal["roster", "activity"] = "roster"
    """`activity`: nobody kept a roster; a person enrols with the first event or answer."""
    platform_opened: Day = date(2000, 1, 1)
    """Acts before this day have a wrong time: nobody enrols by them, and a rejected
    event with such a time may be of any."""
    consent: Consent | Literal["external"] = Consent()
    coverage: Literal["heartbeats", "assumed"] = "heartbeats"
    waves: tuple[Wave, ...] = Field(min_length=1)
    instruments: tuple[str, ...] = Field(min_length=1)
    exposure: Exposure
    outages: tuple[Outage, ...] = ()
    clock_corrections: tuple[ClockCorrection, ...] = ()
    """Times of sources whose clocks were wrong; every reader of the log applies them."""
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
    def opened_at(self) -> datetime:
        """The instant (UTC) at which the platform's first day begins."""
        return midnight(self.platform_opened, self.zone)

    @property
    def wave_days(self) -> dict[int, tuple[str, str]]:
        """The first and last day of each wave that has dates."""
        return {
            wave.wave: (wave.opens_on.isoformat(), wave.closes_on.isoformat())
            for wave in self.waves
            if wave.opens_on and wave.closes_on
        }

    @property
    def windows(self) -> tuple[Window, ...]:
        """Every window some specification needs, the study's own first."""
        planned = (*self.plan.confirmatory, *self.plan.exploratory)
        windows = [self.exposure.window, *(p.window for p in planned if p.window)]
        if curve := self.plan.specification_curve:
            windows += curve.forks.window or ()
        return tuple(dict.fromkeys(windows))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a study-local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
