"""Rosters and exports: order, splitting and repetition change nothing, by any road.

An export is the state of a form, so that its pieces are exports of their own: files of
other names, of which the mapping says that they are parts.
"""

import csv
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from panelstream.flows import imports, survey_imports
from panelstream.flows.workspace import Workspace
from panelstream.models.timestamps import LATEST
from tests.lib import studies
from tests.lib.studies import HandClock

EXAMPLES = int(os.environ.get("PANELSTREAM_EXAMPLES", "10")) // 2
PEOPLE = ("aki", "ben", "chie")
FIRST = datetime(2027, 1, 11, 3, tzinfo=UTC)
WAVES = [
    {"wave": 1, "opens_on": date(2027, 1, 11), "closes_on": date(2027, 1, 17)},
    {"wave": 2, "opens_on": date(2027, 1, 25), "closes_on": date(2027, 1, 31)},
]
ANSWERS = ("platform_id", "submitted_at", "calm", "awake")
ROSTER = (
    "platform_id",
    "enrolled_on",
    "consented_at",
    "consent_version",
    "consent_scopes",
)
Make = Callable[..., Workspace]


@dataclass(frozen=True)
class Response:
    """What somebody answered once."""

    who: str
    wave: int
    at: datetime
    calm: str
    awake: str

    @property
    def row(self) -> list[str]:
        """As a row of an export."""
        return [self.who, self.at.isoformat(), self.calm, self.awake]

    @property
    def event(self) -> dict[str, Any]:
        """As an event."""
        answers = {"calm": self.calm or None, "awake": self.awake or None}
        data = {"instrument": "mood", "wave": self.wave, "answers": answers}
        return studies.event("response_submitted", self.who, self.at, data=data)


@st.composite
def responses(draw: DrawFn) -> Response:
    """A response of somebody to a wave, with or without a blank.

    It may be early or late, but not given while the other wave was open.
    """
    answer = st.sampled_from(("0", "5", "10", ""))
    wave = draw(st.sampled_from((1, 2)))
    days = draw(st.integers(0, 12) if wave == 1 else st.integers(7, 19))
    return Response(
        draw(st.sampled_from(PEOPLE)),
        wave,
        FIRST + timedelta(days=days, hours=draw(st.integers(0, 24))),
        draw(answer),
        draw(answer),
    )


@st.composite
def rosters(draw: DrawFn) -> list[list[list[str]]]:
    """For each person the rows of the roster: an enrolment, and up to two consents."""
    days = st.integers(1, 20).map(lambda day: f"2027-01-{day:02}")
    scopes = st.sampled_from(("survey;telemetry", "survey"))
    people = []
    for person in PEOPLE:
        enrolled_on, number = draw(days), draw(st.integers(0, 2))
        rows = [
            [person, enrolled_on, draw(days), str(version + 1), draw(scopes)]
            for version in range(number)
        ]
        people.append(rows or [[person, enrolled_on, "", "", ""]])
    return people


def write(path: Path, header: Iterable[str], rows: Iterable[list[str]]) -> Path:
    """A CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([list(header), *rows])
    return path


def state(study: Workspace) -> list[Any]:
    """All that a reader sees of the roster and the answers."""
    names = ("roster", "answers", "consents")
    return [study.store.query(name, as_of=LATEST).to_pylist() for name in names]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_order_splitting_and_repetition(
    data: st.DataObject, workspace: Make, clock: HandClock, tmp_path: Path
) -> None:
    """One roster and one export a wave; or any pieces of them, any number of times,
    in any order, some answers as events."""
    study = workspace(waves=WAVES)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("parts: true\n")
    people = data.draw(rosters())
    said = data.draw(
        st.lists(responses(), max_size=6, unique_by=lambda value: (value.who, value.at))
    )

    def roster(some: list[list[list[str]]]) -> None:
        rows = [row for one in some for row in one]
        imports.import_roster(study, write(tmp_path / "roster.csv", ROSTER, rows))

    def export(wave: int, some: list[Response], name: str = "export") -> None:
        rows = [one.row for one in some if one.wave == wave]
        path = write(tmp_path / f"{name}.csv", ANSWERS, rows)
        survey_imports.import_responses(study, path, wave, mapping)

    def events(some: list[Response]) -> None:
        studies.send(study, [one.event for one in some])

    studies.empty(study.store)
    roster(people)
    for wave in (1, 2):
        export(wave, said)
    expected = state(study)

    studies.empty(study.store)
    pieces: list[Callable[[], None]] = []
    for who in (*people, *data.draw(st.lists(st.sampled_from(people), max_size=2))):
        pieces.append(partial(roster, [who]))
    for number, one in enumerate(said):
        some = [one, *data.draw(st.lists(st.sampled_from(said), max_size=3))]
        some = list(dict.fromkeys(some))
        if data.draw(st.booleans()):
            pieces.append(partial(events, some))
        else:
            part = partial(export, one.wave, some, f"part{number}")
            pieces += [part] * data.draw(st.integers(1, 2))
    for piece in data.draw(st.permutations(pieces)):
        clock.now += timedelta(minutes=1)
        piece()
    assert state(study) == expected
