"""What is assumed of people, use and answers where a study is planned without data.

The defaults are those of a platform where a few people do most: most members use a
function about once a month, a few on most days.
"""

from typing import Annotated

from pydantic import Field

from panelstream.models.config_file import Frozen

Share = Annotated[float, Field(ge=0, le=1)]
Correlation = Annotated[float, Field(ge=0, lt=1)]
PEOPLE = (80, 120, 200, 350)
"""Numbers of participants for which chances are computed."""


class AssumedUse(Frozen):
    """How people use a function: the chance of an active day is log-normal among users."""

    users: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Share of people who use the function at all."""
    days_per_week: Annotated[float, Field(gt=0, le=7)] = 0.25
    """Active days a week of the median user."""
    spread: float = Field(default=1.6, ge=0)
    """Standard deviation, in logarithms, between users."""
    change: float = Field(default=0.7, ge=0)
    """Standard deviation, in logarithms, of one user from wave to wave."""
    lasting: Correlation = 0.2
    """Correlation of these changes from one wave to the next."""


class AssumedOutcome(Frozen):
    """How an outcome varies between people and from wave to wave."""

    sd: float | None = Field(default=None, gt=0)
    """Standard deviation over all answers; None: a fifth of the score's range."""
    icc: Correlation = 0.6
    """Share of the variance that lies between people."""
    lasting: Correlation = 0.2
    """Correlation of what is left from one wave to the next."""


class Power(Frozen):
    """What `panelstream power` assumes."""

    people: tuple[Annotated[int, Field(ge=10, le=20_000)], ...] = Field(
        default=PEOPLE, min_length=1
    )
    use: AssumedUse = AssumedUse()
    functions: dict[str, AssumedUse] = {}
    """Functions whose use differs from `use`."""
    together: Share = 0.36
    """Share of the variance of habits that all functions have in common."""
    outcomes: dict[str, AssumedOutcome] = {}
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.08
    """Share of people who leave for good before each wave but the first."""
    missed: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the answers of those who stay that are missing."""

    def of_function(self, function: str) -> AssumedUse:
        """How people use a function."""
        return self.functions.get(function, self.use)

    def of_outcome(self, outcome: str) -> AssumedOutcome:
        """How an outcome varies."""
        return self.outcomes.get(outcome, AssumedOutcome())
