"""Tiny studies for tests of the whole path: a folder, a warehouse, a clock by hand.

A study is a mapping as YAML would give it; what a test does not say is as in
`BASE`: everybody counts, the log is whole, one wave, two functions. People are
named by short words, which are also their ids on the platform.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from panelstream.flows.workspace import Workspace
from panelstream.ingest import pseudonymise
from panelstream.ingest.events.pipeline import RawEvents
from panelstream.ingest.surveys.formats.importer import ImportSummary
from panelstream.ingest.surveys.mapping import SurveyMapping
from panelstream.ingest.surveys.responses import ANSWERS, ImportedResponses
from panelstream.ingest.surveys.revisions import (
    plan_response_revision,
    read_sources,
    store_response_revision,
)
from panelstream.models.events.clocks import Clocks
from panelstream.models.events.event import Counts
from panelstream.models.study.consent import stored_answer
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.timestamps import Clock
from panelstream.models.warehouse.definitions import apply_migrations
from panelstream.models.warehouse.store import Store

START = datetime(2030, 1, 1, tzinfo=UTC)
"""When the first batch arrives; after everything that tests let happen."""

KEY = bytes(range(32))

MOOD = """
instrument: mood
title: {en: Mood}
reference: made up for the tests
licence: none
items:
  - {code: calm, low: 0, high: 10}
  - {code: awake, low: 0, high: 10}
scales:
  - {code: total, label: {en: Mood}, items: [calm, awake]}
"""

OWN = (
    "enrolled",
    "invited",
    "consent_given",
    "consent_declined",
    "consent_withdrawn",
    "response_submitted",
    "heartbeat",
)
"""The study's own events; all others are the platform's. A no to consent has an event
for the oracle only: the engine reads it from a survey (`decline`)."""

DATA: Mapping[str, Any] = {
    "reaction_given": {"kind": "like", "target": "story"},
    "reaction_withdrawn": {"kind": "like", "target": "story"},
    "consent_given": {"version": 1, "scopes": ["survey", "telemetry"]},
    "consent_withdrawn": {"level": "collection"},
}
"""Fields of events whose test does not say them."""

BASE: Mapping[str, Any] = {
    "study": "tiny",
    "title": "A tiny study",
    "timezone": "Asia/Tokyo",
    "consent": "external",
    "coverage": "assumed",
    "waves": [
        {"wave": 1, "opens_on": date(2027, 1, 11), "closes_on": date(2027, 1, 17)}
    ],
    "instruments": ["mood.yaml"],
    "exposure": {"window": {"lookback": 7}, "functions": ["story", "reaction"]},
    "outcomes": ["mood_total"],
}


@dataclass
class HandClock:
    """A clock that shows what it was set to, and stands still."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Answer:
    """A response to the `mood` instrument; not `complete`: one item is left blank.

    `blank`: all items are. `response`: the tool's id, if it has one; `finished`: whether
    the tool says that it was sent in. `items`: those that the export has.
    """

    who: str
    wave: int
    at: datetime
    complete: bool = True
    calm: int = 5
    blank: bool = False
    response: str = ""
    finished: bool | None = None
    items: tuple[str, ...] = ("calm", "awake")


@dataclass(frozen=True)
class Arrival:
    """What arrives together. The n-th arrival (from 0) is recorded n hours after START."""

    events: tuple[Mapping[str, Any], ...] = ()
    answers: tuple[Answer, ...] = field(default=())


@cache
def base_folder() -> StudyFolder:
    """The base study, as read from files that are gone by then."""
    with TemporaryDirectory() as folder:
        return load_study(write(Path(folder), BASE))


def with_base(**changes: Any) -> dict[str, Any]:
    """The base study with some keys changed."""
    return {**BASE, **changes}


def write(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write a study folder: study.yaml, mood.yaml and the key file."""
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    (folder / "mood.yaml").write_text(MOOD, encoding="utf-8")
    if not (folder / "pseudonym.key").exists():
        pseudonymise.write_key(folder / "pseudonym.key", KEY)
    return folder


def open_in(folder: Path, store: Store, clock: Clock) -> Workspace:
    """A workspace of a study folder, on a store that is open already."""
    study = load_study(folder)
    correct_clocks(store, study.catalogue.clocks)
    return Workspace(study, store, folder / "pseudonym.key", clock)


def correct_clocks(store: Store, clocks: Clocks) -> None:
    """Let a store, and the views that its queries read, correct these clocks only."""
    if store.clocks != clocks:
        store.correct_clocks(clocks)
        apply_migrations(store)


def empty(store: Store) -> Store:
    """Remove every row but the list of migrations; far faster than a new warehouse."""
    for name in _tables(store):
        store._client.command(f"TRUNCATE TABLE {name}")
    store._last = None
    return store


def merge(store: Store) -> None:
    """Merge every table to one part a partition, as the engine does some day."""
    for name in _tables(store):
        store._client.command(f"OPTIMIZE TABLE {name} FINAL")


def event(
    kind: str, who: str | None, at: datetime, **attributes: Any
) -> dict[str, Any]:
    """A CloudEvent of u2plus, or of the study; `id` is made up unless it is given."""
    return {
        "specversion": "1.0",
        "id": f"{kind}-{who}-{at.isoformat()}",
        "source": "u2plus",
        "type": f"{'study' if kind in OWN else 'u2plus'}.{kind}",
        "time": at.isoformat(),
        **({"subject": who} if who else {}),
        **({"data": DATA[kind]} if kind in DATA else {}),
        **attributes,
    }


def send(workspace: Workspace, events: Iterable[Mapping[str, Any]]) -> Counts:
    """Send events through the pipeline as one batch, a line each."""
    payload = "\n".join(json.dumps(event) for event in events).encode()
    return workspace.pipeline.process(RawEvents("test.ndjson", 1, payload))


def answer(workspace: Workspace, answers: Iterable[Answer]) -> None:
    """Store responses as an import does, as a source of their own."""
    rows = [row for entry in answers for row in _answer_rows(workspace, entry)]
    store_answers(workspace.store, rows)


def store_answers(store: Store, rows: Iterable[Mapping[str, Any]]) -> str:
    """Store rows of `ANSWERS` as one more source; returns the import's id."""
    table = pa.Table.from_pylist(list(rows), schema=ANSWERS)
    digest = hashlib.sha256(repr(table.to_pylist()).encode()).hexdigest()
    summary = ImportSummary(
        origin=f"{digest[:8]}.csv",
        sha256=digest,
        header=digest,
        format="plain",
        variant="wide",
        encoding="UTF-8",
        timezone="UTC",
        coding={},
        mapping="",
        rows=0,
        items={},
        excluded={},
        dropped=(),
        ignored=(),
    )
    imported = ImportedResponses(summary, 1, table, (), {}, {}, ())
    mapping = SurveyMapping(parts=True)
    revision = plan_response_revision(
        Path(summary.origin), imported, 0, mapping, read_sources(store), {}
    )
    return store_response_revision(imported, revision, store)


def decline(
    workspace: Workspace, who: str, at: datetime, version: int, scopes: str
) -> None:
    """Store a no to the consent question of a survey, as an import does."""
    instrument, item, stored = stored_answer(version, scopes.split(), "no")
    row = {
        "participant_id": workspace.pseudonyms.participant_id(who),
        "response": "",
        "wave": 1,
        "responded_at": at.astimezone(UTC),
        "instrument": instrument,
        "item": item,
        "answer": stored,
        "origin": "test.csv",
    }
    store_answers(workspace.store, [row])


def arrive(
    workspace: Workspace,
    clock: HandClock,
    arrivals: Iterable[Arrival],
    first: int = 0,
) -> Counts:
    """Record arrivals, each at its instant; returns what became of their events."""
    counts = Counts()
    for number, arrival in enumerate(arrivals, start=first):
        clock.now = recorded_at(number)
        if arrival.events:
            counts += send(workspace, arrival.events)
        if arrival.answers:
            answer(workspace, arrival.answers)
    return counts


def recorded_at(number: int) -> datetime:
    """When the n-th arrival is recorded; its answers follow a microsecond later."""
    return START + timedelta(hours=number)


def as_of(number: int) -> datetime:
    """An instant at which the n-th arrival is known and the next is not."""
    return recorded_at(number) + timedelta(minutes=30)


def named(
    workspace: Workspace, panel: pd.DataFrame, people: Iterable[str]
) -> pd.DataFrame:
    """The panel with a column `who` in place of the pseudonyms, by who and wave."""
    names = {
        workspace.pseudonyms.participant_id(person).hex(): person for person in people
    }
    shown = panel.assign(who=panel["participant_id"].map(names))
    return shown.drop(columns="participant_id").sort_values(
        ["who", "wave"], ignore_index=True
    )


def _tables(store: Store) -> list[str]:
    """Every table that has rows, but the list of migrations."""
    full = store._client.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
        " AND total_rows > 0 AND name != 'migrations'"
    )
    return [name for (name,) in full.result_rows]


def _answer_rows(workspace: Workspace, one: Answer) -> Iterator[dict[str, Any]]:
    shared = {
        "participant_id": workspace.pseudonyms.participant_id(one.who),
        "response": one.response,
        "wave": one.wave,
        "responded_at": one.at.astimezone(UTC),
        "instrument": "mood",
        "finished": one.finished,
        "origin": "test.csv",
    }
    answers = {"calm": str(one.calm), "awake": "5" if one.complete else ""}
    for item in one.items:
        answer = "" if one.blank else answers[item]
        yield {**shared, "item": item, "answer": answer}
