"""Any history of imports leaves what the oracle says, and what its last states leave."""

import csv
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from panelstream.flows import folder_import, survey_imports
from panelstream.flows.workspace import Workspace
from panelstream.models.timestamps import LATEST
from tests.lib import readings_oracle, studies
from tests.lib.readings_oracle import Answers, Event, Reading, Response
from tests.lib.studies import HandClock

EXAMPLES = int(os.environ.get("PANELSTREAM_EXAMPLES", "16")) // 4
PEOPLE = ("aki", "ben", "chie")
WAVES = [
    {"wave": 1, "opens_on": date(2027, 1, 11), "closes_on": date(2027, 1, 17)},
    {"wave": 2, "opens_on": date(2027, 1, 25), "closes_on": date(2027, 1, 31)},
]
AFTER_ALL = datetime(2027, 2, 8, 3, tzinfo=UTC)
"""Responses are from here on, when no wave is open: any may be put into any wave."""
BY_SESSION = {"column": "session", "values": {"1": 1, "2": 2}}
HOUR = timedelta(hours=1)
VALUES = ("0", "5", "10", "")

Make = Callable[..., Workspace]
Draw = Callable[[SearchStrategy[Any]], Any]


@dataclass
class Form:
    """A form in the survey tool: its responses now, and how its exports are read.

    `wave`: under which it is imported; None: its rows say, and imports may select one.
    `is_named`: the mapping names it, and its exports have any file name.
    """

    name: str
    wave: int | None
    has_ids: bool
    is_named: bool
    responses: list[Response] = field(default_factory=list)
    given: int = 0


@dataclass(frozen=True)
class Export:
    """An import: of which form, what the file has and how it is read."""

    form: Form
    wave: int | None
    responses: tuple[Response, ...]
    is_turned: bool = False
    """Whether the columns are mapped to each other's items."""
    is_shifted: bool = False
    """Whether the times are read in a zone nine hours from the right one."""
    file: str = ""

    @property
    def selection(self) -> int:
        """The wave of which it speaks."""
        is_selected = self.form.wave is None and self.wave is not None
        return (self.wave or 0) if is_selected else readings_oracle.ALL

    def understood(self) -> tuple[Response, ...]:
        """What it states, under its mapping."""
        return tuple(
            self._understood(response)
            for response in self.responses
            if self.selection in (readings_oracle.ALL, response.wave)
        )

    def _understood(self, response: Response) -> Response:
        calm, awake = response.answers["calm"], response.answers["awake"]
        turned = {"calm": awake, "awake": calm}
        return replace(
            response,
            wave=response.wave if self.form.wave is None else self.wave or 0,
            at=response.at - 9 * HOUR * self.is_shifted,
            answers=turned if self.is_turned else response.answers,
        )


@dataclass
class World:
    """All that happened, as the oracle knows it; `exports` by the time of import."""

    forms: Sequence[Form]
    now: datetime = studies.START
    readings: list[Reading] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    exports: dict[datetime, Export] = field(default_factory=dict)

    def standing(self, form: Form) -> list[Response]:
        """What a form's readings state now."""
        return readings_oracle.standing(self.readings, form.name, self.now)

    def newest(self, form: Form) -> Export | None:
        """The newest import of a form that was not taken back."""
        times = [
            reading.at
            for reading in self.readings
            if reading.source == form.name and reading.holds(self.now)
        ]
        return self.exports[max(times)] if times else None


@st.composite
def worlds(draw: DrawFn) -> World:
    """Forms of one wave each, whose ids restart, and one for both waves."""
    waves = (("first", 1), ("second", 2), ("both", None))
    return World(
        [
            Form(name, wave, draw(st.booleans()), draw(st.booleans()))
            for name, wave in draw(
                st.lists(st.sampled_from(waves), min_size=1, unique=True)
            )
        ]
    )


def change(draw: Draw, form: Form) -> None:
    """Somebody answers, or something is corrected in the survey tool."""
    kinds = ["given", "given"]
    kinds += ["answer", "time", "person", "deleted"] if form.responses else []
    kinds += ["session"] if form.responses and form.wave is None else []
    kind = draw(st.sampled_from(kinds))
    if kind == "given":
        form.responses.append(_given(draw, form))
        return
    place = draw(st.integers(0, len(form.responses) - 1))
    response = form.responses.pop(place)
    if kind == "answer":
        answers = {**response.answers, "calm": draw(st.sampled_from(VALUES))}
        response = replace(response, answers=answers)
    elif kind == "time":
        response = replace(response, at=response.at + timedelta(minutes=20))
    elif kind == "person":
        response = replace(response, person=draw(st.sampled_from(PEOPLE)))
    elif kind == "session":
        response = replace(response, wave=3 - response.wave)
    if kind != "deleted":
        form.responses.insert(place, response)


def _given(draw: Draw, form: Form) -> Response:
    """One more response, in a minute of its own; forms have days of their own."""
    form.given += 1
    day = ("first", "second", "both").index(form.name) * 7
    return Response(
        person=draw(st.sampled_from(PEOPLE)),
        wave=form.wave or draw(st.sampled_from((1, 2))),
        at=AFTER_ALL + timedelta(days=day, minutes=form.given),
        answers={item: draw(st.sampled_from(VALUES)) for item in ("calm", "awake")},
        id=str(form.given) if form.has_ids else "",
    )


def draw_export(draw: Draw, form: Form) -> Export:
    """The form changes, and an export of it is imported, however that may be read."""
    for _ in range(draw(st.integers(0, 3))):
        change(draw, form)
    wave = form.wave
    if wave is None:
        wave = draw(st.sampled_from((None, 1, 2)))
    reading = draw(st.sampled_from(("right", "right", "turned", "shifted")))
    name = draw(st.sampled_from(("old", "new"))) if form.is_named else form.name
    return Export(
        form,
        wave,
        tuple(form.responses),
        reading == "turned",
        reading == "shifted",
        f"{name}.csv",
    )


def is_clear(world: World, export: Export) -> bool:
    """Whether it is evident which form it is of, or the mapping names it.

    A file of a name is not that form's if it has none of its people.
    """
    people = {response.person for response in export.understood()}
    standing = {response.person for response in world.standing(export.form)}
    return export.form.is_named or not standing or not people or bool(standing & people)


def write(folder: Path, export: Export) -> Path:
    """The file, with its mapping beside it."""
    form, path = export.form, folder / export.file
    columns = ["platform_id", "submitted_at", "Q1", "Q2", f"note_{form.name}"]
    rows = [
        [r.person, f"{r.at:%Y-%m-%d %H:%M}", r.answers["calm"], r.answers["awake"], ""]
        for r in export.responses
    ]
    items = ("awake", "calm") if export.is_turned else ("calm", "awake")
    mapping: dict[str, Any] = {
        "columns": dict(zip(("Q1", "Q2"), items, strict=True)),
        "ignore": [f"note_{form.name}"],
        "timezone": "Asia/Tokyo" if export.is_shifted else "UTC",
    }
    if form.is_named:
        mapping["source"] = form.name
    if form.has_ids:
        mapping["response_id"] = "id"
        columns.append("id")
        rows = [[*row, r.id] for row, r in zip(rows, export.responses, strict=True)]
    if form.wave is None:
        mapping["waves"] = BY_SESSION
        columns.append("session")
        waves = [str(r.wave) for r in export.responses]
        rows = [[*row, wave] for row, wave in zip(rows, waves, strict=True)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    path.with_suffix(".mapping.yaml").write_text(yaml.safe_dump(mapping))
    return path


def import_export(world: World, export: Export, study: Workspace, folder: Path) -> str:
    """Import it in both; the counts are the oracle's. Returns the import's id."""
    name, understood = export.form.name, export.understood()
    reading = Reading(name, world.now, understood, export.selection)
    before = readings_oracle.replaced(world.standing(export.form), reading)
    expected = readings_oracle.changes(before, understood)
    result = survey_imports.import_responses(study, write(folder, export), export.wave)
    assert +Counter(dict(result.revision.changes)) == expected
    world.readings.append(reading)
    world.exports[world.now] = export
    return result.import_id


def retract(world: World, number: int, study: Workspace, import_id: str) -> None:
    """Take an import back, in both; a form has the wave then of its newest import."""
    survey_imports.retract_wave_import(study, import_id)
    reading = world.readings[number]
    if reading.retracted_at is None:
        world.readings[number] = replace(reading, retracted_at=world.now)
    for form in world.forms:
        newest = world.newest(form)
        if form.wave is not None and newest:
            form.wave = newest.wave


def send_event(draw: Draw, world: World, study: Workspace) -> None:
    """An event of a response that a form states, or did."""
    stated = [response for reading in world.readings for response in reading.responses]
    answers = {"calm": draw(st.sampled_from(VALUES))}
    response = replace(draw(st.sampled_from(stated)), id="", answers=answers)
    answer = {"calm": answers["calm"] or None}
    event = studies.event(
        "response_submitted",
        response.person,
        response.at,
        data={"instrument": "mood", "wave": response.wave, "answers": answer},
        id=f"event-{world.now}",
    )
    studies.send(study, [event])
    world.events.append(Event(world.now, response))


def held(study: Workspace, as_of: datetime) -> Answers:
    """What the engine says that holds."""
    names = {study.pseudonyms.participant_id(who).hex(): who for who in PEOPLE}
    responses: dict[tuple[Any, ...], dict[str, str]] = {}
    for row in study.store.query("answers", as_of=as_of).to_pylist():
        key = (names[row["participant_id"]], row["wave"], row["responded_at"])
        found = responses.setdefault((*key, row["response"]), {})
        found[row["item"]] = row["answer"]
    return readings_oracle.in_order(
        (who, wave, at, found) for (who, wave, at, _), found in responses.items()
    )


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_histories(
    data: st.DataObject, workspace: Make, clock: HandClock, tmp_path: Path
) -> None:
    """At every instant what the oracle says; and the last states alone say the same."""
    study = workspace(waves=WAVES, enrolment="activity")
    studies.empty(study.store)
    world, ids = data.draw(worlds()), list[str]()
    for _ in range(data.draw(st.integers(3, 6))):
        world.now += HOUR
        clock.now = world.now - HOUR / 2
        act(data.draw, world, study, tmp_path, ids)
    for hours in range(int((world.now - studies.START) / HOUR) + 1):
        at = studies.START + hours * HOUR
        expected = readings_oracle.answers(world.readings, world.events, at)
        assert held(study, at) == expected
    studies.empty(study.store)
    names = data.draw(st.permutations(("a", "b", "c")))
    import_last_states(world, names[: len(world.forms)], study)
    expected = readings_oracle.answers(world.readings, [], world.now)
    assert held(study, LATEST) == expected


def act(
    draw: Draw, world: World, study: Workspace, folder: Path, ids: list[str]
) -> None:
    """One more thing happens; `ids`: of the imports."""
    is_stated = any(reading.responses for reading in world.readings)
    kinds = ["import"] * 3 + ["retract", "wave"] * bool(ids) + ["event"] * is_stated
    kind = draw(st.sampled_from(kinds))
    if kind == "retract":
        number = draw(st.integers(0, len(ids) - 1))
        retract(world, number, study, ids[number])
    elif kind == "event":
        send_event(draw, world, study)
    else:
        form = draw(st.sampled_from(world.forms))
        export = other_wave(world, form) if kind == "wave" else None
        export = export or draw_export(draw, form)
        if is_clear(world, export):
            ids.append(import_export(world, export, study, folder))


def other_wave(world: World, form: Form) -> Export | None:
    """The newest import of a form of one wave again, as one of the other wave."""
    export = world.newest(form)
    if export is None or form.wave is None or not export.responses:
        return None
    form.wave = 3 - form.wave
    return replace(export, wave=form.wave)


def import_last_states(world: World, names: Sequence[str], study: Workspace) -> None:
    """A folder with what each form states in the end, a file each, rightly read."""
    folder = study.folder.path / "responses"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for form, name in zip(world.forms, names, strict=True):
        standing = tuple(world.standing(form))
        wave = f"wave{form.wave}" if form.wave else "all"
        if standing:
            write(folder, Export(form, form.wave, standing, file=f"{name}_{wave}.csv"))
    folder_import.import_folder(study)
