"""What the panel's exposures must be, computed slowly and obviously.

Written from the words of the design and not from the code under test: loops over
plain dictionaries, one event and one window at a time. A study is the mapping that
its YAML gives; arrivals are `tests.lib.studies.Arrival`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tests.lib import measures_oracle, studies
from tests.lib.studies import Answer, Arrival

FUNCTIONS = {
    "u2plus.signed_in": "sign_in",
    "u2plus.reaction_given": "reaction",
    "u2plus.story_viewed": "story",
    "u2plus.story_posted": "story",
}
"""Of the types that tests send, those that count towards a function."""

CHANGED = {**FUNCTIONS, "u2plus.reaction_withdrawn": "reaction"}
"""And those that take something of a function back."""

TAKING_PART = (
    "enrolled",
    "invited",
    "consent_given",
    "consent_declined",
    "consent_withdrawn",
)
"""Study events that are always taken, whoever withdrew before."""

LEAVING = ("collection", "erase")
"""Levels of withdrawal that end somebody's part."""

DAY = timedelta(days=1)
ALWAYS = (datetime(1970, 1, 2, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC))
Row = dict[str, Any]
Days = tuple[date, date]
Stretch = tuple[datetime, datetime]


@dataclass(frozen=True)
class Person:
    """What the log and the answers say about somebody."""

    who: str
    answered: Mapping[int, Answer]


class Oracle:
    """Everything known of a study once `as_of` (the number of an arrival) is in."""

    def __init__(
        self, study: Mapping[str, Any], arrivals: Sequence[Arrival], as_of: int
    ) -> None:
        self.study, self.zone = study, ZoneInfo(study["timezone"])
        self.as_of = studies.as_of(as_of)
        known = arrivals[: as_of + 1]
        self.log: list[Mapping[str, Any]] = []
        self.hidden: list[Mapping[str, Any]] = []
        self.refusals: list[tuple[datetime, list[Mapping[str, Any]]]] = []
        self._refused_days: dict[str, list[Stretch]] = {}
        for place, batch in enumerate(known):
            valid = [
                self.on_time(event) for event in batch.events if not is_rejected(event)
            ]
            taken = [event for event in valid if not self.is_refused(event)]
            if len(taken) < len(valid):
                self.refusals.append((studies.recorded_at(place), self.log))
            self.log = first_recorded([*self.log, *taken])
            self.hidden += [event for event in taken if event not in self.log]
        stored = {(event["source"], event["id"]) for event in self.log}
        self.letters = [
            event
            for batch in known
            for event in batch.events
            if is_rejected(event) and (event["source"], event["id"]) not in stored
        ]
        self.answers = [answer for batch in known for answer in batch.answers]

    def panel(self, window: Any) -> list[Row]:
        """One row per person and wave, by name and wave."""
        names = {event["subject"] for event in self.log if "subject" in event}
        names |= {answer.who for answer in self.answers}
        people = [self.person(name) for name in sorted(names)]
        rows = [row for person in people for row in self.rows(person, window)]
        return sorted(rows, key=lambda row: (row["who"], row["wave"]))

    def rows(self, person: Person, window: Any) -> list[Row]:
        """The rows of one person, each with what the wave before and later ones say."""
        waves = [entry for entry in self.study["waves"] if self.is_in(person, entry)]
        rows = [self.row(person, wave, window) for wave in waves]
        for wave, row in zip(waves, rows, strict=True):
            mine = [one for one in rows if one["round"] == row["round"]]
            before = [one for one in mine if one["wave_index"] == row["wave_index"] - 1]
            for name in self.lagged():
                row[f"{name}_previous"] = before[0][name] if before else None
            row |= self.attrition(person, wave, mine)
        return rows

    def lagged(self) -> list[str]:
        """What is carried to the next wave."""
        functions = self.study["exposure"]["functions"]
        return [*(f"{one}_days_per_week" for one in functions), "mood_total"]

    def attrition(self, person: Person, wave: Row, mine: list[Row]) -> Row:
        """Who answered, who answers the next wave, who never again in the round."""
        number = wave.get("round", 1)
        later = [
            row["wave"]
            for row in self.study["waves"]
            if row.get("round", 1) == number and row["wave"] >= wave["wave"]
        ]
        known = [self.has_answered(person, entry) for entry in later]
        never = None if None in known else 1
        return {
            "answered": known[0],
            "answered_next": known[1] if len(known) > 1 else None,
            "dropped_out": 0 if 1 in known else never,
        }

    def has_answered(self, person: Person, number: int) -> int | None:
        """1 or 0; none as long as an answer may still come."""
        [wave] = [row for row in self.study["waves"] if row["wave"] == number]
        enrolled_on = self.enrolled_on(person, wave.get("round", 1))
        assert enrolled_on is not None
        if number in person.answered and self.is_in(person, wave):
            return 1
        over = self.midnight(span(wave, enrolled_on)[1]) <= self.as_of
        return 0 if over or self.has_left(person.who) else None

    def row(self, person: Person, wave: Row, window: Any) -> Row:
        """One row: whose, when, over which days, how much use, and the score."""
        enrolled_on = self.enrolled_on(person, wave.get("round", 1))
        assert enrolled_on is not None
        planned = self.window(person, wave, enrolled_on, window)
        seen = self.seen(person, planned)
        answer = person.answered.get(wave["wave"])
        row: Row = {
            "who": person.who,
            "wave": wave["wave"],
            "wave_index": self.study["waves"].index(wave),
            "round": wave.get("round", 1),
            "responded_at": answer.at if answer else None,
            "window_start": self.midnight(planned[0]) if planned else None,
            "window_end": self.midnight(planned[1]) if planned else None,
            "window_days": number(self.length(planned)),
            "observed_days": number(self.observed_by_any(person.who, seen)),
            "mood_total": answer.calm + 5.0 if answer and answer.complete else None,
        }
        for function in self.study["exposure"]["functions"]:
            use = self.use(person.who, function, seen)
            if seen != planned:
                use |= {"count": None, "days": None}
            for suffix, value in use.items():
                row[f"{function}_{suffix}"] = value
        since = self.since(person, wave, window)
        windows = measures_oracle.Windows(self, person.who, planned, seen, since)
        return row | measures_oracle.further(self, windows)

    # Who takes part

    def person(self, who: str) -> Person:
        """When somebody answered."""
        waves = {one.wave for one in self.answers if one.who == who}
        chosen = {wave: self.chosen(who, wave) for wave in waves}
        return Person(who, {wave: one for wave, one in chosen.items() if one})

    def chosen(self, who: str, wave: int) -> Answer | None:
        """Of the usable answers that may count, the first complete one, else the first.

        None where no answer is usable. Of one second that of the first id.
        """
        may = [
            one
            for one in self.answers
            if (one.who, one.wave) == (who, wave)
            and not one.blank
            and self.agreed(who, one.at.astimezone(self.zone).date())
        ]
        complete = [one for one in may if one.complete]
        return min(
            complete or may, key=lambda item: (item.at, item.response), default=None
        )

    def participation(
        self, today: date, invited: Mapping[int, set[str]], apart: set[str]
    ) -> list[Row]:
        """Who took part in each wave; `apart` are accounts to leave out."""
        names = {event["subject"] for event in self.log if "subject" in event} - apart
        rows: list[Row] = []
        first: set[str] = set()
        for wave in self.study["waves"]:
            opened = wave["opens_on"] <= today
            there = {name for name in names if opened and self.could(name, wave)}
            agreed = {who for who in there if self.is_in(self.person(who), wave)}
            sent = [
                answer
                for answer in self.answers
                if answer.wave == wave["wave"] and answer.who in self.enrolled(names)
            ]
            counted = [
                entry
                for entry in sent
                if entry.who in agreed and self.agreed(entry.who, self.on(entry.at))
            ]
            started = {entry.who for entry in counted if not entry.blank}
            blank = {entry.who for entry in counted} - started
            held = {who: self.chosen(who, wave["wave"]) for who in started}
            whole = {entry.who for entry in counted if entry.complete}
            days = [self.on(value.at) for value in held.values() if value]
            asked = invited[wave["wave"]] - apart
            base = asked or there
            rows.append(
                {
                    "wave": wave["wave"],
                    "eligible": len(there),
                    "invited": len(asked),
                    "consented": len(agreed),
                    "started": len(started),
                    "complete": len(whole),
                    "partial": len(started - whole),
                    "unusable": len(blank),
                    "early": sum(day < wave["opens_on"] for day in days),
                    "late": sum(day > wave["closes_on"] for day in days),
                    "duplicates": len(counted) - len(started) - len(blank),
                    "not_counted": len(sent) - len(counted),
                    "response_rate": len(started & base) / len(base) if base else None,
                    "attrition": len(first - started) / len(first)
                    if first and there
                    else None,
                }
            )
            first = first or started
        return rows

    def enrolled(self, names: Iterable[str]) -> set[str]:
        """Those of some people who enrolled in the first round, at any time."""
        people = map(self.person, names)
        return {person.who for person in people if self.enrolled_on(person, 1)}

    def could(self, who: str, wave: Row) -> bool:
        """Whether somebody was enrolled and had not left, on some day of a wave."""
        since = self.enrolled_on(self.person(who), wave.get("round", 1))
        if since is None:
            return False
        days = days_of((max(since, wave["opens_on"]), wave["closes_on"] + DAY))
        return any(self.left(who, day) is None or self.given(who, day) for day in days)

    # Consent, day by day

    def agreed(self, who: str, day: date) -> bool:
        """Whether a day ends with all that the study requires agreed to."""
        left, given = self.left(who, day), self.given(who, day)
        if self.external:
            return left is None or bool(given)
        consent = self.study["consent"]
        version = max((event["data"]["version"] for event in given), default=0)
        scopes = self.scopes(who, day)
        too_old = any(
            row["version"] > version and row["from"] <= day
            for row in consent.get("renewals", ())
        )
        return bool(given) and set(consent["required"]) <= scopes and not too_old

    def visible(self, who: str, day: date) -> bool:
        """Whether the use of a day may be looked at."""
        if self.external:
            return self.agreed(who, day)
        since = self.study["consent"].get("telemetry_from", "consent")
        if isinstance(since, date) and day < since:
            return False
        if self.agreed(who, day):
            return True
        return since != "consent" and any(
            self.agreed(who, later)
            and "retrospective" in self.scopes(who, later)
            and self.reaches_back_to(who, later) <= day
            for later in self.days_after(who, day)
        )

    def days_after(self, who: str, day: date) -> list[date]:
        """Later days on which something about consent changed."""
        said = [*self.of(who, "study.consent_given")]
        return [
            entry for entry in map(self.day, (x["time"] for x in said)) if entry > day
        ]

    def reaches_back_to(self, who: str, day: date) -> date:
        """The first yes since the last withdrawal, or the beginning of time."""
        if self.left(who, day) is None:
            return date.min
        return min(self.day(event["time"]) for event in self.given(who, day))

    def scopes(self, who: str, day: date) -> set[str]:
        """What the newest version that was agreed to says, all yeses to it together.

        Without what was declined afterwards: a no to an older version says nothing.
        """
        given = self.given(who, day)
        version = max((event["data"]["version"] for event in given), default=0)
        newest = [event for event in given if event["data"]["version"] == version]
        refusals = [
            event
            for event in self.of(who, "study.consent_declined")
            if self.day(event["time"]) <= day and event["data"]["version"] >= version
        ]
        return {
            scope
            for event in newest
            for scope in event["data"]["scopes"]
            if not any(
                scope in refusal["data"]["scopes"]
                and datetime.fromisoformat(refusal["time"])
                >= datetime.fromisoformat(event["time"])
                for refusal in refusals
            )
        }

    def left(self, who: str, day: date) -> datetime | None:
        """The last withdrawal from collection until the end of a day."""
        said = self.of(who, "study.consent_withdrawn")
        left = [event for event in said if event["data"]["level"] in LEAVING]
        times = [datetime.fromisoformat(event["time"]) for event in left]
        return max((at for at in times if self.on(at) <= day), default=None)

    def given(self, who: str, day: date) -> list[Mapping[str, Any]]:
        """Every yes since the last withdrawal, until the end of a day."""
        left = self.left(who, day)
        return [
            event
            for event in self.of(who, "study.consent_given")
            if self.day(event["time"]) <= day
            and (left is None or datetime.fromisoformat(event["time"]) > left)
        ]

    def has_left(self, who: str) -> bool:
        """Whether somebody has withdrawn from collection and not come back."""
        return self.left(who, date.max) is not None and not self.given(who, date.max)

    def is_gone(self, who: str, at: datetime) -> bool:
        """Whether somebody had withdrawn and not yet come back, as far as is known."""
        yes = [
            datetime.fromisoformat(one["time"])
            for one in self.of(who, "study.consent_given")
        ]
        for one in self.of(who, "study.consent_withdrawn"):
            left = datetime.fromisoformat(one["time"])
            if one["data"]["level"] in LEAVING and left < at:
                back = min((other for other in yes if other > left), default=None)
                if back is None or at < self.midnight(self.on(back)):
                    return True
        return False

    def is_refused(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is not taken, for what was known before its batch."""
        kind = event["type"].removeprefix("study.")
        at = datetime.fromisoformat(event["time"])
        who = event.get("subject")
        return kind not in TAKING_PART and who is not None and self.is_gone(who, at)

    def refused_days(self, who: str) -> list[Stretch]:
        """Days with an instant of which acts would be taken now, and were refused.

        A batch, of which anything was refused, may have had such an act.
        """
        if who not in self._refused_days:
            days = {
                day for refusal in self.refusals for day in self.lost(who, *refusal)
            }
            self._refused_days[who] = [
                (self.midnight(day), self.midnight(day + DAY)) for day in days
            ]
        return self._refused_days[who]

    def lost(
        self, who: str, arrived_at: datetime, log: list[Mapping[str, Any]]
    ) -> set[date]:
        """The same of one batch; `log`: what was known before it."""
        earlier = copy(self)
        earlier.log = log
        left = [
            datetime.fromisoformat(event["time"])
            for event in earlier.of(who, "study.consent_withdrawn")
        ]
        if not left:
            return set()
        first = self.on(min(left))
        number = (self.on(arrived_at) - first).days + 1
        starts = [*left, *(self.midnight(first + n * DAY) for n in range(number))]
        return {
            self.on(at)
            for at in (start + timedelta(microseconds=1) for start in starts)
            if at < arrived_at
            and earlier.is_gone(who, at)
            and not self.is_gone(who, at)
        }

    def enrolled_on(self, person: Person, number: int) -> date | None:
        """The first day of enrolment that falls into a round."""
        if self.study.get("enrolment", "roster") == "roster":
            days = [
                self.day(event["time"])
                for event in self.of(person.who, "study.enrolled")
            ]
        else:
            at = [
                datetime.fromisoformat(event["time"])
                for event in self.log
                if event.get("subject") == person.who
                and event["type"] != "study.heartbeat"
            ]
            at += [answer.at for answer in self.answers if answer.who == person.who]
            days = [
                self.on(entry) for entry in at if not self.is_gone(person.who, entry)
            ]
            days += [
                self.day(event["time"])
                for event in self.of(person.who, "study.enrolled")
            ]
        start, end = self.round(number)
        return min((day for day in days if start <= day < end), default=None)

    def round(self, number: int) -> Days:
        """People enrol in a round from the end of the one before to its own end."""
        ends = {0: date.min}
        for wave in self.study["waves"]:
            if "closes_on" not in wave:
                return date.min, date.max
            ends[wave.get("round", 1)] = wave["closes_on"] + DAY
        earlier = max(end for end in ends if end < number)
        return ends[earlier], ends[number]

    # Over which days

    def window(
        self, person: Person, wave: Row, enrolled_on: date, window: Any
    ) -> Days | None:
        """The planned window in study-local days, its end not included."""
        start: date | None
        end: date | None
        opens_on, _ = span(wave, enrolled_on)
        answer = person.answered.get(wave["wave"])
        answered_on = answer.at.astimezone(self.zone).date() if answer else None
        first = self.study["exposure"].get("first_window_days")
        if window == "between_waves":
            end, start = opens_on, self.closed_before(wave, enrolled_on)
        elif window == "between_responses":
            end, start = answered_on, self.answered_before(person, wave)
        else:
            end = answered_on or opens_on
            start = end - window["lookback"] * DAY
        if end is None:
            return None
        if start is None and first is not None:
            start = end - first * DAY
        if start is None:
            return None
        end = min(end, answered_on or end)
        return min(start, end), end

    def closed_before(self, wave: Row, enrolled_on: date) -> date | None:
        """The day after the wave before closed, if the round has one."""
        number = wave.get("round", 1)
        before = [
            span(row, enrolled_on)[1]
            for row in self.study["waves"]
            if row["wave"] < wave["wave"] and row.get("round", 1) == number
        ]
        return before[-1] if before else None

    def answered_before(self, person: Person, wave: Row) -> date | None:
        """The day of the person's answer to the latest earlier wave they have a row in."""
        before = [
            person.answered[row["wave"]].at.astimezone(self.zone).date()
            for row in self.study["waves"]
            if row["wave"] < wave["wave"]
            and row["wave"] in person.answered
            and self.is_in(person, row)
        ]
        return before[-1] if before else None

    def is_in(self, person: Person, wave: Row) -> bool:
        """Whether there was a day of the wave on which they were enrolled and agreed."""
        enrolled_on = self.enrolled_on(person, wave.get("round", 1))
        if enrolled_on is None:
            return False
        opens_on, closed_on = span(wave, enrolled_on)
        days = days_of((max(opens_on, enrolled_on), closed_on))
        return any(self.agreed(person.who, day) for day in days)

    def seen(self, person: Person, planned: Days | None) -> Days | None:
        """The last unbroken part of a window that consent allows to be looked at."""
        if planned is None:
            return None
        visible = [day for day in days_of(planned) if self.visible(person.who, day)]
        if not visible:
            return planned[0], planned[0]
        start = end = visible[-1]
        while start - DAY in visible:
            start -= DAY
        return start, end + DAY

    def since(self, person: Person, wave: Row, window: Any) -> date | None:
        """From when use to date counts: enrolment, or the first window if earlier.

        Not before the first day that may be looked at; none if a later one may not.
        """
        number = wave.get("round", 1)
        enrolled_on = self.enrolled_on(person, number)
        assert enrolled_on is not None
        planned = self.window(person, wave, enrolled_on, window)
        mine = [
            self.window(person, entry, enrolled_on, window)
            for entry in self.study["waves"]
            if entry.get("round", 1) == number and self.is_in(person, entry)
        ]
        begins = min([enrolled_on, *(entry[0] for entry in mine if entry)])
        days = days_of((begins, planned[1])) if planned else []
        visible = [day for day in days if self.visible(person.who, day)]
        whole = visible and visible == days_of((visible[0], days[-1] + DAY))
        return visible[0] if whole else None

    # How much use

    def use(self, who: str, function: str, seen: Days | None) -> Row:
        """The four measures; none where the log does not cover the window."""
        nothing = dict.fromkeys(("count", "days", "days_per_week", "frequency"))
        length = self.length(seen)
        if not seen or not length:
            return nothing
        recorded, excused = self.covered(function, seen, who)
        if recorded == 0 or recorded + excused < length:
            return nothing
        gone = measures_oracle.taken_back(self, who)
        used_on = [
            self.day(event["time"])
            for event in self.log
            if event.get("subject") == who
            and FUNCTIONS.get(event["type"]) == function
            and gone.get(event["id"], date.max) >= seen[1]
            and not holds(
                self.coverage(function)[2], datetime.fromisoformat(event["time"])
            )
        ]
        inside = [day for day in used_on if seen[0] <= day < seen[1]]
        active = len(set(inside))
        return {
            "count": float(len(inside) * length / recorded),
            "days": float(active * length / recorded),
            "days_per_week": float(active / recorded * 7),
            "frequency": frequency(active / recorded * Fraction("365.25")),
        }

    def covered(self, function: str, seen: Days, who: str) -> tuple[Fraction, Fraction]:
        """Days recorded, and days lost that may be made up for."""
        recorded, lost, excused = self.coverage(function, who)
        result = [Fraction(0), Fraction(0)]
        for middle, days in self.pieces(seen, [*recorded, *lost]):
            if holds(excused, middle):
                result[1] += days
            elif holds(recorded, middle) and not holds(lost, middle):
                result[0] += days
        return result[0], result[1]

    def observed_by_any(self, who: str, seen: Days | None) -> Fraction | None:
        """Days of the window in which some function's log is whole."""
        if seen is None:
            return None
        functions = self.study["exposure"]["functions"]
        each = [self.coverage(name, who) for name in functions]
        bounds = [entry for recorded, lost, _ in each for entry in (*recorded, *lost)]
        total = Fraction(0)
        for middle, days in self.pieces(seen, bounds):
            if any(holds(r, middle) and not holds(lost, middle) for r, lost, _ in each):
                total += days
        return total

    def coverage(
        self, function: str, who: str = ""
    ) -> tuple[list[Stretch], list[Stretch], list[Stretch]]:
        """When a function was recorded; when lost; and which of that is excused."""
        recorded = self.beats(function, None)
        if self.study["coverage"] == "assumed":
            recorded = [ALWAYS]
        out = [
            row for row in self.study.get("outages", ()) if function in row["functions"]
        ]
        excused = [
            entry for entry in out if entry.get("handling", "missing") == "prorate"
        ]
        device = self.beats(function, who) if who else []
        lost = [
            *map(stretch, out),
            *self.rejected_days(function, who),
            *(self.refused_days(who) if who else []),
            *(between(device) if device else []),
            (self.as_of, ALWAYS[1]),
        ]
        past = [(start, min(end, self.as_of)) for start, end in map(stretch, excused)]
        return recorded, lost, past

    def beats(self, function: str, who: str | None) -> list[Stretch]:
        """What heartbeats of everybody, or of somebody's device, say of a function."""
        said = [
            times
            for event in self.log
            if event["type"] == "study.heartbeat"
            and event.get("subject") == who
            and function in event["data"]["functions"]
            for times in self.stated(event)
        ]
        return [(start, bridged(start, end, said)) for start, end in said]

    def rejected_days(self, function: str, who: str) -> list[Stretch]:
        """The days on which something of theirs, or of nobody known, was rejected.

        By the clock of any source: whose it was is not kept. Or had an id that another
        event had first.
        """
        times = [
            datetime.fromisoformat(event["time"])
            for event in self.letters
            if self.concerns(event, function, who)
        ]
        shifts = {
            at: [
                hours(row["shift"])
                for row in self.study.get("clock_corrections", ())
                if holds([wrong_times(row)], at)
            ]
            for at in times
        }
        days = {self.on(at + by) for at in times for by in (timedelta(), *shifts[at])}
        days |= {
            self.day(event["time"])
            for event in self.hidden
            if CHANGED.get(event["type"]) == function
            and event.get("subject", who) == who
        }
        return [(self.midnight(day), self.midnight(day + DAY)) for day in days]

    def concerns(self, event: Mapping[str, Any], function: str, who: str) -> bool:
        """Whether it may be an act of somebody, of a function."""
        is_of_function = FUNCTIONS.get(event["type"], function) == function
        return bool(event.get("subject", who) == who and is_of_function)

    def pieces(
        self, seen: Days, bounds: Iterable[Stretch]
    ) -> Iterator[tuple[datetime, Fraction]]:
        """The window cut at every bound: an instant inside each piece, its days."""
        start, end = map(self.midnight, seen)
        cuts = {at for pair in bounds for at in pair if start < at < end}
        for one, other in pairwise(sorted({start, end, *cuts})):
            yield one + (other - one) / 2, days_between(one, other)

    # Clocks

    def on_time(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """An event with the time that the study says it had."""
        at = datetime.fromisoformat(event["time"])
        return {**event, "time": (at + self.shift(event["source"], at)).isoformat()}

    def shift(self, source: str, at: datetime) -> timedelta:
        """How much later it was than a source's clock showed."""
        for row in self.study.get("clock_corrections", ()):
            if row["source"] == source and holds([wrong_times(row)], at):
                return hours(row["shift"])
        return timedelta()

    def stated(self, event: Mapping[str, Any]) -> list[Stretch]:
        """When it was what a heartbeat calls from and to, shift by shift."""
        start, end = stretch(event["data"])
        cuts = {start, end}
        for row in self.study.get("clock_corrections", ()):
            cuts |= {at for at in wrong_times(row) if start < at < end}
        shifts = {at: self.shift(event["source"], at) for at in cuts}
        return [
            (first + shifts[first], last + shifts[first])
            for first, last in pairwise(sorted(cuts))
        ]

    # Days

    @property
    def external(self) -> bool:
        """Whether consent is kept elsewhere."""
        return bool(self.study["consent"] == "external")

    def of(self, who: str, kind: str) -> list[Mapping[str, Any]]:
        """Somebody's events of one type."""
        return [
            event
            for event in self.log
            if event.get("subject") == who and event["type"] == kind
        ]

    def day(self, text: str) -> date:
        """The study-local day of an instant."""
        return datetime.fromisoformat(text).astimezone(self.zone).date()

    def on(self, at: datetime) -> date:
        """The study-local day of an instant."""
        return at.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        """The instant at which a study-local day begins."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def length(self, days: Days | None) -> Fraction | None:
        """Days of 24 hours in a window."""
        return days_between(*map(self.midnight, days)) if days else None


def is_rejected(event: Mapping[str, Any]) -> bool:
    """Whether it has a field that no type has, or what it is or whose is not said."""
    known = event["type"] in FUNCTIONS
    return (
        "note" in event.get("data", {})
        or event["type"].endswith(".unheard_of")
        or (known and "subject" not in event)
    )


def bridged(start: datetime, end: datetime, said: Iterable[Stretch]) -> datetime:
    """Where a heartbeat ends if the next one begins within the unit it is written in."""
    unit = timedelta(microseconds=1)
    for longer in (timedelta(milliseconds=1), timedelta(seconds=1)):
        if not any(
            (at - datetime.min.replace(tzinfo=UTC)) % longer for at in (start, end)
        ):
            unit = longer
    nexts = [other for other, _ in said if end <= other <= end + unit]
    return max([end, *nexts])


def between(said: Iterable[Stretch]) -> list[Stretch]:
    """The times in none of some stretches."""
    silent, at = [], ALWAYS[0]
    for start, end in sorted(said):
        silent += [(at, start)] if at < start else []
        at = max(at, end)
    return [*silent, (at, ALWAYS[1])]


def first_recorded(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of events under one (source, id) the first; the others change nothing."""
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in events:
        first.setdefault((one["source"], one["id"]), one)
    return list(first.values())


def days_of(days: Days) -> list[date]:
    """Every day from the first to the one before the last."""
    return [days[0] + n * DAY for n in range((days[1] - days[0]).days)]


def span(wave: Row, enrolled_on: date) -> Days:
    """First day of a wave, and the day after its last."""
    if "opens_on" in wave:
        return wave["opens_on"], wave["closes_on"] + DAY
    opens_on = enrolled_on + wave["opens_after_days"] * DAY
    return opens_on, opens_on + wave["open_days"] * DAY


def frequency(days_a_year: Fraction) -> float:
    """The survey's six answers."""
    if days_a_year == 0:
        return 0.0
    limits = (Fraction("3.5"), 25, 97, 239)
    return 1.0 + sum(days_a_year >= limit for limit in limits)


def stretch(one: Mapping[str, Any]) -> Stretch:
    """From and to of a heartbeat or an outage."""
    return datetime.fromisoformat(one["from"]), datetime.fromisoformat(one["to"])


def wrong_times(row: Mapping[str, Any]) -> Stretch:
    """From when until when a clock was wrong, by that clock."""
    return datetime.fromisoformat(row["from"]), datetime.fromisoformat(row["until"])


def hours(text: str) -> timedelta:
    """A shift of whole hours, as +1h."""
    return timedelta(hours=int(text.removesuffix("h")))


def holds(stretches: Iterable[Stretch], at: datetime) -> bool:
    """Whether an instant lies in any of them."""
    return any(start <= at < end for start, end in stretches)


def days_between(start: datetime, end: datetime) -> Fraction:
    """Days of 24 hours, exactly."""
    return Fraction((end - start) // timedelta(microseconds=1), 86_400_000_000)


def number(exact: Fraction | None) -> float | None:
    """For the eye, and for comparing with what was computed in floats."""
    return None if exact is None else float(exact)
