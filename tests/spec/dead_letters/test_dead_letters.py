"""Dead letters are a ledger: one letter for what was rejected at a place of a content.

Each case is a series of steps on one warehouse; expected are the letters that are open
after it, by origin and line, as somebody who keeps the ledger by hand would list them.
"""

import io
import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from panelstream.flows import imports
from panelstream.flows.workspace import Workspace
from panelstream.ingest.dead_letters import ReplayCounts, replay_dead_letters
from panelstream.ingest.events import files
from panelstream.ingest.events.pipeline import Pipeline, RawEvents
from panelstream.models.errors import UsageError
from panelstream.models.events.catalogue import EventType
from panelstream.models.events.event import Position, Rejection
from panelstream.models.settings.environment import Settings
from panelstream.models.warehouse.ledger import dismiss_dead_letters, retract_dismissal
from panelstream.models.warehouse.open_letters import (
    ALL_LETTERS,
    LetterSelection,
    list_open_letters,
    summarize_open_letters,
)
from tests.lib import studies
from tests.lib.studies import HandClock

AT = datetime(2027, 1, 11, 8, tzinfo=UTC)
NEW_TYPE = "u2plus.poem_written"
Make = Callable[..., Workspace]


def new_event(name: str, **changes: Any) -> str:
    """An event of a type that only the next catalogue has."""
    event = studies.event("story_posted", "ann", AT, id=name, type=NEW_TYPE)
    return json.dumps({**event, "data": None, **changes})


def known_event(name: str) -> str:
    """An event of a type that the catalogue has."""
    return json.dumps(studies.event("signed_in", "ann", AT, id=name, data=None))


class Ledger:
    """A study's warehouse and a folder of event files; every step takes a second."""

    def __init__(self, study: Workspace, folder: Path, clock: HandClock) -> None:
        self.study, self.folder, self.clock = study, folder, clock
        self.catalogue = study.folder.catalogue

    @property
    def pipeline(self) -> Pipeline:
        """The path of events with the catalogue of now."""
        study = self.study
        return Pipeline(
            self.catalogue,
            study.pseudonyms,
            study.store,
            self.clock,
            opened=datetime(2020, 1, 1, tzinfo=UTC),
        )

    def tick(self) -> datetime:
        """A second later; the time before."""
        self.clock.now += timedelta(seconds=1)
        return self.clock.now - timedelta(seconds=1)

    def extend_catalogue(self) -> None:
        """From now on the catalogue has the new type."""
        types = {**self.catalogue.types, NEW_TYPE: EventType(function="story")}
        self.catalogue = self.catalogue.model_copy(update={"types": types})

    def restrict_catalogue(self) -> None:
        """From now on it has it no more."""
        self.catalogue = self.study.folder.catalogue

    def write(self, name: str, *lines: str) -> Path:
        """A file of lines."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path

    def ingest(self, path: Path) -> None:
        """Import a file."""
        self.tick()
        [source] = files.find_event_files([str(path)])
        list(files.ingest_file(source, self.pipeline))

    def pipe(self, *lines: str) -> None:
        """Import lines from standard input."""
        self.tick()
        text = "\n".join(lines).encode()
        stdin = SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(text)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", stdin)
            list(files.ingest_file(files.Source("-", "stdin", 0), self.pipeline))

    def replay(self, *paths: Path, dry_run: bool = False) -> ReplayCounts:
        """Replay all letters; `paths`: where files lie now."""
        self.tick()
        sources = files.find_event_files([str(path) for path in paths])
        kafka = Settings.from_environ({}, self.folder).kafka
        store = self.study.store
        return replay_dead_letters(
            store, self.pipeline, kafka, ALL_LETTERS, sources, dry_run
        )

    def open(self, as_of: datetime | None = None) -> list[tuple[str, int]]:
        """Origin and line of the open letters."""
        self.tick()
        rows = list_open_letters(
            self.study.store, as_of=as_of or self.clock.now + timedelta(days=1)
        )
        return [(row["origin"], row["line"]) for row in rows]


@pytest.fixture
def ledger(workspace: Make, tmp_path: Path, clock: HandClock) -> Ledger:
    """An empty ledger."""
    return Ledger(workspace(), tmp_path / "exports", clock)


def same_name(ledger: Ledger) -> None:
    """January's and February's exports have one name."""
    ledger.ingest(ledger.write("jan/events.ndjson", new_event("1")))
    ledger.ingest(ledger.write("feb/events.ndjson", new_event("2")))


def same_file_twice(ledger: Ledger) -> None:
    """One export is imported twice."""
    path = ledger.write("events.ndjson", new_event("1"))
    ledger.ingest(path)
    ledger.ingest(path)


def same_content_elsewhere(ledger: Ledger) -> None:
    """A copy of it in another folder is imported as well."""
    ledger.ingest(ledger.write("events.ndjson", new_event("1")))
    ledger.ingest(ledger.write("copy/events.ndjson", new_event("1")))


def rejected_after_a_replay(ledger: Ledger) -> None:
    """January's letter is settled, then March's is rejected at the same place."""
    ledger.ingest(ledger.write("jan/events.ndjson", new_event("1")))
    ledger.extend_catalogue()
    assert ledger.replay() == ReplayCounts(resolved=1)
    ledger.restrict_catalogue()
    ledger.ingest(ledger.write("mar/events.ndjson", new_event("3")))


def same_file_after_a_replay(ledger: Ledger) -> None:
    """A line that cannot be told by a key is accepted, then rejected once more."""
    path = ledger.write("events.ndjson", new_event("1"), "{")
    ledger.ingest(path)
    ledger.extend_catalogue()
    assert ledger.replay() == ReplayCounts(resolved=1, rejected=1)
    ledger.restrict_catalogue()
    ledger.ingest(path)


def stdin_twice(ledger: Ledger) -> None:
    """Two runs read a bad first line from standard input."""
    ledger.pipe("{")
    ledger.pipe("{")


def came_in_since(ledger: Ledger) -> None:
    """The same source and id is accepted from a file that was corrected."""
    ledger.ingest(ledger.write("events.ndjson", new_event("1"), new_event("2")))
    ledger.ingest(ledger.write("events.ndjson", known_event("1"), new_event("2")))


def stored_before(ledger: Ledger) -> None:
    """Another event is stored already under the source and id of a rejected one."""
    ledger.ingest(ledger.write("a.ndjson", known_event("1")))
    ledger.ingest(ledger.write("b.ndjson", new_event("1")))
    ledger.ingest(ledger.write("a.ndjson", known_event("1")))


def stored_beside(ledger: Ledger) -> None:
    """A good and a bad event of one file have the same source and id."""
    ledger.ingest(ledger.write("events.ndjson", known_event("1"), new_event("1")))


def rejected_again_after_it_came_in(ledger: Ledger) -> None:
    """The first file is imported again after the corrected one."""
    first = ledger.write("first.ndjson", new_event("1"))
    ledger.ingest(first)
    ledger.ingest(ledger.write("corrected.ndjson", known_event("1")))
    ledger.ingest(first)


CASES: Mapping[Callable[[Ledger], None], list[tuple[str, int]]] = {
    same_name: [("events.ndjson", 1), ("events.ndjson", 1)],
    same_file_twice: [("events.ndjson", 1)],
    same_content_elsewhere: [("events.ndjson", 1)],
    rejected_after_a_replay: [("events.ndjson", 1)],
    same_file_after_a_replay: [("events.ndjson", 2)],
    stdin_twice: [("stdin", 1), ("stdin", 1)],
    came_in_since: [("events.ndjson", 2), ("events.ndjson", 2)],
    stored_before: [("b.ndjson", 1)],
    stored_beside: [("events.ndjson", 2)],
    rejected_again_after_it_came_in: [],
}


@pytest.mark.parametrize(
    ("steps", "expected"), CASES.items(), ids=lambda case: getattr(case, "__name__", "")
)
def test_cases(
    ledger: Ledger,
    steps: Callable[[Ledger], None],
    expected: list[tuple[str, int]],
) -> None:
    """The letters that are open after the steps, also when all parts are merged."""
    steps(ledger)
    assert ledger.open() == expected
    studies.merge(ledger.study.store)
    assert ledger.open() == expected


def test_as_of_an_instant(ledger: Ledger) -> None:
    """A letter is open from its recording until it is settled, and not outside."""
    ledger.ingest(ledger.write("events.ndjson", new_event("1")))
    rejected_at = ledger.tick()
    ledger.extend_catalogue()
    ledger.replay()
    resolved_at = ledger.tick()
    before = rejected_at - timedelta(minutes=1)
    assert ledger.open(before) == []
    assert ledger.open(rejected_at) == [("events.ndjson", 1)]
    assert ledger.open(resolved_at) == []


def test_a_file_that_was_moved(ledger: Ledger) -> None:
    """It is replayed from where it lies now, known by its content."""
    path = ledger.write("events.ndjson", new_event("1"))
    ledger.ingest(path)
    place = ledger.folder / "archive" / "january.ndjson"
    place.parent.mkdir()
    path.rename(place)
    ledger.extend_catalogue()
    assert ledger.replay() == ReplayCounts(missing=1)
    assert ledger.replay(place.parent) == ReplayCounts(resolved=1)
    assert ledger.open() == []


def test_a_file_that_was_replaced(ledger: Ledger) -> None:
    """What lies at its place now is another content: it settles nothing."""
    ledger.ingest(ledger.write("events.ndjson", new_event("1")))
    ledger.write("events.ndjson", known_event("2"))
    assert ledger.replay() == ReplayCounts(missing=1)
    assert ledger.open() == [("events.ndjson", 1)]


def test_a_dry_run(ledger: Ledger) -> None:
    """It tells what would happen, and nothing happens."""
    ledger.ingest(ledger.write("events.ndjson", new_event("1"), "{"))
    ledger.extend_catalogue()
    assert ledger.replay(dry_run=True) == ReplayCounts(resolved=1, rejected=1)
    assert ledger.open() == [("events.ndjson", 1), ("events.ndjson", 2)]


def test_a_dismissal(ledger: Ledger) -> None:
    """It is of what was recorded until then, as of an instant, and can be undone."""
    store, about = ledger.study.store, {"reason": "not_json", "event_type": ""}
    path = ledger.write("events.ndjson", "{", new_event("2"))
    ledger.ingest(path)
    before = ledger.tick()
    line = {**about, "origin": "", "letters": 1, "because": "a load test"}
    dismissal = dismiss_dead_letters(store, line)
    dismissed = ledger.tick()
    assert ledger.open(before) == [("events.ndjson", 1), ("events.ndjson", 2)]
    assert ledger.open() == [("events.ndjson", 2)]
    ledger.ingest(path)
    assert ledger.open() == [("events.ndjson", 2)]
    ledger.ingest(ledger.write("later.ndjson", "{"))
    assert ledger.open() == [("events.ndjson", 2), ("later.ndjson", 1)]
    ledger.tick()
    retract_dismissal(store, dismissal)
    assert ("events.ndjson", 1) in ledger.open()
    assert ledger.open(dismissed) == [("events.ndjson", 2)]


def test_what_letters_make_unknown(ledger: Ledger) -> None:
    """Its own instant where that can be read, else what its file was about."""
    first, last = AT, AT + timedelta(days=3)
    lines = [
        json.dumps(studies.event("signed_in", "bob", at, data=None))
        for at in (first, last)
    ]
    ledger.ingest(ledger.write("events.ndjson", *lines, "{", new_event("1")))
    broken, unknown_type = list_open_letters(ledger.study.store)
    tick = timedelta(microseconds=1)
    assert (broken["unknown_from"], broken["unknown_until"]) == (first, last + tick)
    assert (broken["participant_id"], broken["every_function"]) == ("", 1)
    assert (unknown_type["unknown_from"], unknown_type["unknown_until"]) == (
        AT,
        AT + tick,
    )
    ann = ledger.study.pseudonyms.participant_id("ann").hex()
    assert (unknown_type["participant_id"], unknown_type["every_function"]) == (ann, 1)


@pytest.mark.parametrize("time", ["2019-12-31T23:59:59Z", "2039-01-01T00:00:00Z"])
def test_times_that_are_not_plausible(ledger: Ledger, time: str) -> None:
    """From before the platform opened, or of the future: as if it could not be read.

    A good event with such a time does not make what its file was about longer.
    """
    lines = [
        json.dumps(studies.event("signed_in", "bob", at, data=None))
        for at in (datetime(1970, 1, 1, tzinfo=UTC), AT, AT + timedelta(days=3))
    ]
    ledger.ingest(ledger.write("events.ndjson", *lines, new_event("1", time=time)))
    [letter] = list_open_letters(ledger.study.store)
    tick = timedelta(microseconds=1)
    assert (letter["unknown_from"], letter["unknown_until"]) == (
        AT,
        AT + timedelta(days=3) + tick,
    )


def test_summary(ledger: Ledger) -> None:
    """By reason and type: how many, of whom, and what is concerned."""
    spoilt = studies.event("story_posted", "ann", AT, data={"mood": 1})
    ledger.ingest(
        ledger.write(
            "events.ndjson",
            new_event("1"),
            new_event("2", subject=" ann"),
            json.dumps(spoilt),
        )
    )
    groups = summarize_open_letters(ledger.study.store)
    assert [
        (g.reason, g.event_type, g.letters, g.functions, g.every_function, g.people)
        for g in groups
    ] == [
        ("invalid_data", "u2plus.story_posted", 1, ["story"], False, 1),
        ("unknown_type", "unknown:1fe006c1", 2, [], True, 1),
    ]
    [group] = summarize_open_letters(
        ledger.study.store, selection=LetterSelection(event_type=NEW_TYPE)
    )
    assert group.letters == 2


def test_topics(ledger: Ledger) -> None:
    """Partitions of a topic, a topic that was made again and a log that was lost, with
    other records at the same offsets, have their own letters.

    A record that is delivered again is the same letter.
    """
    for topic_id, partition in (("a", 0), ("a", 1), ("a", 1), ("b", 0), ("a.1", 0)):
        ledger.tick()
        place = Position(f"t[{partition}]", 0, None, topic_id)
        raw = RawEvents("t", 1, b"", rejections=[Rejection("not_json", "", place)])
        ledger.pipeline.process(raw)
    assert ledger.open() == [("t[0]", 0)] * 3 + [("t[1]", 0)]


def test_a_repaired_file_replaces_the_damaged_one(ledger: Ledger) -> None:
    """Said so, it settles the damaged line of that file, and not of its namesake."""
    [cut, whole] = known_event("2")[:40], known_event("2")
    january = ledger.write("jan/events.ndjson", known_event("1"), cut)
    ledger.ingest(january)
    before = ledger.tick()
    [letter] = list_open_letters(ledger.study.store, as_of=before)
    ledger.ingest(ledger.write("feb/events.ndjson", "{", new_event("3")))
    repaired = ledger.write("fixed/events.ndjson", known_event("1"), whole, "{")
    sources = files.find_event_files([str(repaired)])
    replace = partial(imports.import_events, ledger.study, sources)
    with pytest.raises(UsageError, match="several files were called"):
        replace(replaces="events.ndjson")
    same = files.find_event_files([str(january)])
    with pytest.raises(UsageError, match="is still the same; repair it first"):
        imports.import_events(ledger.study, same, replaces=letter["origin_id"])
    assert replace(replaces=letter["origin_id"]).settled == 1
    of_february, of_the_repaired = [1, 2], 3
    assert sorted(line for _, line in ledger.open()) == [*of_february, of_the_repaired]
    assert ledger.open(before) == [("events.ndjson", 2)]
