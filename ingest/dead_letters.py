"""Dead letters sent down the path again, from where their payload still lies.

Those of files are read from a file with the same content, wherever it lies now; those
of Kafka from the topic of dead letters, or where that has no copy, at their offset once
more. What is accepted, refused, or rejected for another reason than before is marked as
resolved; what is rejected as before stays open.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from panelstream.ingest.events import files
from panelstream.ingest.events.files import STDIN, Source
from panelstream.ingest.events.pipeline import Pipeline, Prepared, RawEvents
from panelstream.ingest.events.splitting import events_at
from panelstream.ingest.kafka import records
from panelstream.ingest.kafka.records import Headers
from panelstream.ingest.kafka.stored_letters import read_payloads
from panelstream.models.errors import FileError, UsageError
from panelstream.models.events.event import NO_KEY, Position, Rejection
from panelstream.models.settings.kafka import KafkaSettings
from panelstream.models.warehouse.ledger import resolve_dead_letters
from panelstream.models.warehouse.open_letters import (
    Letter,
    LetterSelection,
    list_open_letters,
)
from panelstream.models.warehouse.store import Store

_LETTERS_AT_ONCE = 10_000
_BYTES_AT_ONCE = 32 << 20

Payload = tuple[bytes, Headers]
"""The original bytes of an event and the headers of its record."""


@dataclass(frozen=True)
class ReplayCounts:
    """What became of dead letters: taken in (or refused), still rejected, not found.

    `skipped`: partition and offset of each copy of a letter that cannot be decoded.
    """

    resolved: int = 0
    rejected: int = 0
    missing: int = 0
    skipped: tuple[str, ...] = ()

    def __add__(self, counts: "ReplayCounts") -> "ReplayCounts":
        return ReplayCounts(
            self.resolved + counts.resolved,
            self.rejected + counts.rejected,
            self.missing + counts.missing,
            self.skipped + counts.skipped,
        )


class Replay:
    """Letters of one content, whose payloads come in any order and go in portions.

    `identity`: what the content is known by; letters of before may have none yet.
    """

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        letters: Iterable[Letter],
        path: str = "",
        identity: str = "",
        dry_run: bool = False,
    ) -> None:
        self._store, self._pipeline, self._dry_run = store, pipeline, dry_run
        self._path = path
        self.missing: dict[Position, list[Letter]] = defaultdict(list)
        for letter in letters:
            self.missing[_position(letter, identity)].append(letter)
        self._letters: dict[Position, list[Letter]] = {}
        self._payloads: dict[Position, Payload | None] = {}
        self._size = 0
        self._counts = ReplayCounts()

    def add(self, place: Position, payload: Payload | None) -> None:
        """Take the payload at a place; None: it is there and cannot be decoded."""
        if place not in self.missing:
            return
        self._letters[place] = self.missing.pop(place)
        self._payloads[place] = payload
        self._size += len(payload[0]) if payload else 0
        if len(self._letters) >= _LETTERS_AT_ONCE or self._size >= _BYTES_AT_ONCE:
            self._send()

    def finish(self) -> ReplayCounts:
        """Send what is left; what became of all letters."""
        if self._letters:
            self._send()
        missing = sum(map(len, self.missing.values()))
        return self._counts + ReplayCounts(missing=missing)

    def _send(self) -> None:
        """Send what waits; what is rejected as before stays open."""
        original = {
            Rejection(letter["reason"], letter["field"], place): letter
            for place, letters in self._letters.items()
            for letter in letters
        }
        prepared = self._pipeline.prepare(self._raw_events())
        repeated = original.keys() & set(prepared.batch.rejections)
        if not self._dry_run:
            repeated |= self._append(prepared, original, repeated)
        self._counts += ReplayCounts(len(original) - len(repeated), len(repeated))
        self._letters, self._payloads, self._size = {}, {}, 0

    def _append(
        self,
        prepared: Prepared,
        original: Mapping[Rejection, Letter],
        repeated: set[Rejection],
    ) -> set[Rejection]:
        """Store what has changed; returns what the engine rejects as before.

        A letter whose content has become known by replaying changes too.
        """
        unchanged = {
            rejection
            for rejection in repeated
            if rejection.position == _position(original[rejection], "")
        }
        changed, late = prepared.without(unchanged), set[Rejection]()
        if changed.batch.counts.received:
            late = original.keys() & set(self._pipeline.append(changed).rejections)
        late -= repeated
        resolved = [
            letter
            for rejection, letter in original.items()
            if rejection not in unchanged | late
        ]
        if resolved:
            resolve_dead_letters(self._store, resolved)
        return late

    def _raw_events(self) -> RawEvents:
        """The payloads as events that arrive again, each at its old position."""
        lost = [
            Rejection("unreadable_record", "", place)
            for place, payload in self._payloads.items()
            if payload is None
        ]
        raw = records.placed(
            "replay",
            (
                (place, *payload)
                for place, payload in self._payloads.items()
                if payload is not None
            ),
        )
        periods = {
            place: (letters[0]["unknown_from"], letters[0]["unknown_until"])
            for place, letters in self._letters.items()
        }
        rejections = [*raw.rejections, *lost]
        return replace(raw, path=self._path, rejections=rejections, periods=periods)


def replay_dead_letters(
    store: Store,
    pipeline: Pipeline,
    kafka: KafkaSettings,
    selection: LetterSelection,
    sources: Sequence[Source] = (),
    dry_run: bool = False,
) -> ReplayCounts:
    """Send open dead letters down the path again; a second time changes nothing.

    `sources`: where files may lie that are not at their place any more. Raises
    `Unreachable` if some letters lie in Kafka and it cannot be reached.
    """
    by_content: dict[str, list[Letter]] = defaultdict(list)
    for letter in list_open_letters(store, selection):
        by_content[letter["origin_id"] if letter["path"] else ""].append(letter)
    streamed = by_content.pop("", [])
    located = _locate_files(chain.from_iterable(by_content.values()), sources)
    counts = ReplayCounts()
    for origin_id, letters in by_content.items():
        source = located.get(origin_id)
        if source is None:
            counts += ReplayCounts(missing=len(letters))
            continue
        identity = files.identify_content(source)
        replay = Replay(store, pipeline, letters, source.place, identity, dry_run)
        _read_file(source, replay)
        counts += replay.finish()
    return counts + _replay_streamed(
        Replay(store, pipeline, streamed, dry_run=dry_run), kafka
    )


def list_replaced_letters(
    store: Store, origin: str, sources: Sequence[Source]
) -> Sequence[Letter]:
    """Open letters of a file that `sources` replace, where no source and id were read.

    Letters with source and id need no statement: the repaired event settles them.
    `origin` is the name of the file or its `origin_id`. Raises `UsageError` where
    several contents have the name, or where the file is still the same.
    """
    letters = [
        letter
        for letter in list_open_letters(store, LetterSelection(origin=origin))
        if letter["path"] and letter["event_key"] == NO_KEY
    ]
    contents = sorted({letter["origin_id"] for letter in letters})
    if len(contents) > 1:
        raise UsageError(
            f"--replaces: several files were called '{origin}'; "
            f"give an origin_id: {', '.join(contents)}"
        )
    with suppress(FileError):  # the import itself will tell
        if {*map(files.identify_content, sources)} & {*contents}:
            raise UsageError(
                f"--replaces: '{origin}' is still the same; repair it first"
            )
    return letters


def _replay_streamed(replay: Replay, kafka: KafkaSettings) -> ReplayCounts:
    """Letters of Kafka; a request over HTTP is nowhere any more."""
    places = {place for place in replay.missing if place.origin.endswith("]")}
    skipped: list[str] = []
    if places:
        read_payloads(kafka, places, replay.add, skipped.append)
    return replay.finish() + ReplayCounts(skipped=tuple(skipped))


def _locate_files(
    letters: Iterable[Letter], sources: Sequence[Source]
) -> dict[str, Source]:
    """Where content lies now, by its origin_id: at its old place, else in `sources`.

    Letters of before are known by name; their content is what lies at their place.
    """
    located: dict[str, Source] = {}
    wanted: set[str] = set()
    places: dict[str, Source] = {}
    for letter in letters:
        path = Path(letter["path"])
        is_there = letter["path"] != STDIN and path.is_file()
        if is_there:
            places[letter["path"]] = Source(str(path), letter["origin"], 0)
        if _is_identified(letter):
            wanted.add(letter["origin_id"])
        elif is_there:
            located[letter["origin_id"]] = places[letter["path"]]
    for source in [*places.values(), *sources]:
        if wanted <= located.keys():
            break
        with suppress(FileError):  # one that cannot be read is not what is looked for
            located.setdefault(files.identify_content(source), source)
    return located


def _read_file(source: Source, replay: Replay) -> None:
    by_line: dict[int, dict[int | None, Position]] = defaultdict(dict)
    for place in replay.missing:
        by_line[place.line][place.index] = place
    for number, line in _lines(source, by_line):
        at_index = by_line[number]
        for index, event in events_at(line, at_index).items():
            replay.add(at_index[index], (event, ()))


def _lines(
    source: Source, numbers: Mapping[int, object]
) -> Iterator[tuple[int, bytes]]:
    """Lines of a file, of one that is damaged those before the damage."""
    try:
        yield from files.read_lines(source, numbers.keys())
    except FileError:
        return


def _position(letter: Letter, identity: str) -> Position:
    known = letter["origin_id"] if _is_identified(letter) else identity
    return Position(letter["origin"], letter["line"], letter["batch_index"], known)


def _is_identified(letter: Letter) -> bool:
    """Whether its content is known, and not only its name."""
    return bool(letter["origin_id"] != letter["origin"])
