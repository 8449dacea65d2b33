"""What withdrawals take off and what further measures must be: slow and obvious.

Written from the definitions in words, one event at a time. `Oracle` knows who took
part, over which days, and what the log covers.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.lib.oracle import Days, Oracle

WITHDRAWS = {"u2plus.reaction_withdrawn": "u2plus.reaction_given"}
VALUES = {
    "by_kind": ("kind", ("like", "great", "interesting", "want_to_do", "empathy")),
    "by_target": ("target", ("story", "funcan", "column")),
}
"""Fields of reactions and what the catalogue allows in them."""

DAY = timedelta(days=1)
PAUSE = timedelta(minutes=30)
Event = Mapping[str, Any]
Row = dict[str, Any]


def taken_back(oracle: "Oracle", who: str) -> dict[str, date]:
    """The ids of somebody's acts that were taken back, each with the day of it."""
    standing: dict[tuple[str, str], list[Event]] = {}
    gone: dict[str, date] = {}
    for one in sorted(oracle.log, key=_order):
        if one.get("subject") != who:
            continue
        fields = json.dumps(one.get("data"), sort_keys=True)
        if one["type"] in WITHDRAWS:
            given = standing.get((WITHDRAWS[one["type"]], fields))
            if given:
                gone[given.pop()["id"]] = oracle.day(one["time"])
        else:
            standing.setdefault((one["type"], fields), []).append(one)
    return gone


def further(oracle: "Oracle", windows: "Windows") -> Row:
    """Every further measure that the study asks for."""
    exposure = oracle.study["exposure"]
    row: Row = {}
    for name in exposure.get("measures", ()):
        if name in OF_PERSON:
            known = windows.covered(exposure["functions"])
            row[name] = OF_PERSON[name](windows) if known else None
        elif name in VALUES:
            row |= of_values(windows, *VALUES[name])
        else:
            for one in exposure["functions"]:
                row[f"{one}_{name}"] = of_function(windows, one, name)
    return row


def of_function(windows: "Windows", function: str, name: str) -> float | None:
    """A measure of one function, if the log covers what it counts."""
    if name == "dose_to_date":
        return windows.dose(function)
    if not windows.covered([function]):
        return None
    days = {windows.oracle.day(act["time"]) for act in windows.acts(function)}
    return OF_FUNCTION[name](sorted(days), *windows.seen)


def of_values(windows: "Windows", field: str, values: tuple[str, ...]) -> Row:
    """Reactions given, by the value of a field."""
    acts = windows.acts("reaction")
    return {
        f"reaction_given_{value}": windows.prorated(
            "reaction", sum(act["data"][field] == value for act in acts)
        )
        for value in values
    }


class Windows:
    """One row's window: as planned, as seen, and from when use to date counts."""

    def __init__(
        self,
        oracle: "Oracle",
        who: str,
        planned: "Days | None",
        seen: "Days | None",
        since: date | None,
    ) -> None:
        self.oracle, self.who = oracle, who
        self.planned, self.since = planned, since
        self.seen: Days = seen or (date.min, date.min)
        self.gone = taken_back(oracle, who)

    def acts(self, function: str, start: date | None = None) -> list[Event]:
        """Acts of the window (or since `start`) that stood when it ended."""
        return [
            act
            for act in self.all_acts([function], start)
            if self.gone.get(act["id"], date.max) >= self.seen[1]
        ]

    def all_acts(self, functions: list[str], start: date | None = None) -> list[Event]:
        """Acts of the window (or since `start`), taken back or not, in time."""
        from tests.lib.oracle import FUNCTIONS, holds

        result = [
            one
            for one in self.oracle.log
            if one.get("subject") == self.who
            and FUNCTIONS.get(one["type"]) in functions
            and (start or self.seen[0]) <= self.oracle.day(one["time"]) < self.seen[1]
            and not holds(
                self.oracle.coverage(FUNCTIONS[one["type"]])[2],
                datetime.fromisoformat(one["time"]),
            )
        ]
        return sorted(result, key=lambda item: datetime.fromisoformat(item["time"]))

    def covered(self, functions: list[str]) -> bool:
        """Whether all of the window is seen, and in the log of every function."""
        if self.planned != self.seen:
            return False
        length = self.oracle.length(self.seen)
        recorded = [
            self.oracle.covered(function, self.seen, self.who)[0]
            for function in functions
        ]
        return bool(length) and set(recorded) == {length}

    def prorated(self, function: str, count: int) -> float | None:
        """A count over the window, scaled over outages that are made up for."""
        if self.planned != self.seen:
            return None
        return self.scaled(function, self.seen, count)

    def dose(self, function: str) -> float | None:
        """Acts from the beginning until the window's end."""
        if not self.planned or self.planned[1] != self.seen[1] or self.since is None:
            return None
        count = len(self.acts(function, self.since))
        return self.scaled(function, (self.since, self.seen[1]), count)

    def scaled(self, function: str, days: "Days", count: int) -> float | None:
        """A count over days, if the log covers them or is excused."""
        length = self.oracle.length(days)
        recorded, excused = self.oracle.covered(function, days, self.who)
        if not length or recorded == 0 or recorded + excused < length:
            return None
        return float(count * length / recorded)


def active_weeks(days: list[date], start: date, end: date) -> float:
    """Weeks from the window's first day in which something was done."""
    weeks, week = 0, start
    while week < end:
        weeks += any(week <= day < week + 7 * DAY for day in days)
        week += 7 * DAY
    return float(weeks)


def longest_gap(days: list[date], start: date, end: date) -> float:
    """Day by day, the longest run of unused ones."""
    longest = run = 0
    while start < end:
        run = 0 if start in days else run + 1
        longest = max(longest, run)
        start += DAY
    return float(longest)


def days_since_last_use(days: list[date], start: date, end: date) -> float:
    """Backwards from the end, until a day that was used."""
    count = 0
    while end - (count + 1) * DAY >= start and end - (count + 1) * DAY not in days:
        count += 1
    return float(count)


def regularity(days: list[date], start: date, end: date) -> float | None:
    """Mean less deviation over mean plus deviation, of the days between days of use."""
    if len(days) < 3:
        return None
    between = [(b - a).days for a, b in pairwise(days)]
    mean = Fraction(sum(between), len(between))
    variance = sum(((entry - mean) ** 2 for entry in between), Fraction()) / len(
        between
    )
    deviation = sqrt(variance)
    return (float(mean) - deviation) / (float(mean) + deviation)


def sessions(windows: Windows) -> float:
    """Acts after a pause, or after none."""
    functions = windows.oracle.study["exposure"]["functions"]
    begun, last = 0, datetime.min.replace(tzinfo=UTC)
    for act in windows.all_acts(functions):
        at = datetime.fromisoformat(act["time"])
        begun += at.astimezone(UTC) - last > PAUSE
        last = at.astimezone(UTC)
    return float(begun)


def night_use(windows: Windows) -> float:
    """Days on which the study's clock showed less than five at an act."""
    oracle = windows.oracle
    functions = oracle.study["exposure"]["functions"]
    local = [
        datetime.fromisoformat(act["time"]).astimezone(oracle.zone)
        for act in windows.all_acts(functions)
    ]
    return float(len({at.date() for at in local if at.hour < 5}))


def breadth(windows: Windows) -> float:
    """Functions with an act that stands."""
    functions = windows.oracle.study["exposure"]["functions"]
    return float(sum(bool(windows.acts(function)) for function in functions))


OF_FUNCTION = {
    "active_weeks": active_weeks,
    "longest_gap": longest_gap,
    "days_since_last_use": days_since_last_use,
    "regularity": regularity,
}
OF_PERSON = {"sessions": sessions, "night_use": night_use, "breadth": breadth}


def _order(event: Event) -> tuple[datetime, bool]:
    """In time; of what happens at once, what takes back before what is given."""
    return datetime.fromisoformat(event["time"]), event["type"] not in WITHDRAWS
