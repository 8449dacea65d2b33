"""Coverage-guided fuzzing of what takes bytes in: `python -m tests.long.fuzz TARGET`.

Targets: `lines`, of anything, into both decoders; `records`, of events spoilt in any
way, down the whole path to a warehouse. The words after it are libFuzzer's, and what
it finds it leaves as `crash-…` in the current folder. With the same -seed and -runs it
does the same.
"""

import itertools
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["panelstream.ingest", "panelstream.models"]):
    from panelstream.models.events import catalogue
    from panelstream.models.warehouse import store as stores
    from panelstream.models.warehouse.definitions import apply_migrations
    from tests.lib import intake, studies
    from tests.lib.intake import CANARY, Record

GOLDEN = Path(__file__).parents[1] / "golden/events/raw"
CATALOGUE = catalogue.find_catalogue("u2plus", Path())

PLAIN = studies.event("reaction_given", "ann", studies.START)
NAMES = [*PLAIN, "schemaversion", "senttime", "datacontenttype", CANARY]
KINDS = [None, b"application/cloudevents+json", b"application/cloudevents-batch+json"]


class Lines:
    """The data is lines; an asterisk in it is the planted value."""

    def seeds(self) -> Iterator[bytes]:
        """The golden events, and one of them spoilt in each of its attributes."""
        yield from (file.read_bytes() for file in sorted(GOLDEN.glob("*.json")))
        spoilt = ["*", "*" * 60, ["*"], {"*": "*"}, {"kind": "*"}, None]
        for name, value in itertools.product(NAMES, spoilt):
            yield json.dumps({**PLAIN, name: value}).encode()

    def __call__(self, data: bytes) -> None:
        """Decode them both ways."""
        chunk = data.replace(b"*", CANARY.encode()).split(b"\n")
        intake.check_chunk(chunk, CATALOGUE, studies.START)


class Records:
    """The data says of which records, and how their events are spoilt."""

    def __init__(self, folder: Path) -> None:
        self.store = stores.open_store("chdb://memory", studies.HandClock())
        apply_migrations(self.store)
        study = studies.write(folder, studies.BASE)
        opened = studies.open_in(study, self.store, studies.HandClock())
        self.pipeline = opened.pipeline

    def seeds(self) -> Iterator[bytes]:
        """Anything, long enough for some records."""
        yield from (random.Random(number).randbytes(1_000) for number in range(50))

    def __call__(self, data: bytes) -> None:
        """Take up to four records into an empty warehouse."""
        studies.empty(self.store)
        said = atheris.FuzzedDataProvider(data)
        made = [_record(said, number) for number in range(said.ConsumeIntInRange(1, 4))]
        intake.check_records(self.pipeline, self.store, made)


def _record(said: Any, number: int) -> Record:
    kind = said.PickValueInList(KINDS)
    headers = (("content-type", kind),) if kind else ()
    return Record(number, _value(said), headers)


def _value(said: Any) -> bytes | None:
    events = [_event(said) for _ in range(said.ConsumeIntInRange(0, 6))]
    ways: list[Callable[[], bytes | None]] = [
        lambda: None,
        lambda: said.ConsumeBytes(40).replace(b"*", CANARY.encode()),
        lambda: json.dumps(events).encode(),
        lambda: json.dumps(events, indent=1).encode(),
        lambda: json.dumps(events).encode()[: said.ConsumeIntInRange(0, 400)],
        lambda: json.dumps(_event(said)).encode(),
    ]
    value: bytes | None = said.PickValueInList(ways)()
    return value


def _event(said: Any) -> dict[str, Any]:
    changes = range(said.ConsumeIntInRange(0, 3))
    return {**PLAIN, **{said.PickValueInList(NAMES): _any(said, 2) for _ in changes}}


def _any(said: Any, depth: int) -> Any:
    """Any JSON value."""
    ways: list[Callable[[], Any]] = [
        lambda: CANARY,
        lambda: said.ConsumeUnicodeNoSurrogates(12).replace("*", CANARY),
        lambda: said.PickValueInList(list(PLAIN.values())),
        lambda: said.ConsumeInt(9),
        said.ConsumeFloat,
        lambda: said.PickValueInList([None, True, False, "", 0, -1, 1 << 70]),
        lambda: [_any(said, depth - 1) for _ in range(said.ConsumeIntInRange(0, 2))],
        lambda: {
            said.PickValueInList(["kind", "target", "version", "*"]): _any(
                said, depth - 1
            )
            for _ in range(said.ConsumeIntInRange(0, 2))
        },
    ]
    return said.PickValueInList(ways[: len(ways) - (0 if depth else 2)])()


def main(target: str, options: Sequence[str]) -> None:
    """Fuzz until libFuzzer has enough, or finds something."""
    with tempfile.TemporaryDirectory() as folder:
        take = Lines() if target == "lines" else Records(Path(folder))
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(take.seeds()):
            (corpus / str(number)).write_bytes(seed)
        atheris.Setup(
            [target, *options, "-max_len=2048", "-len_control=0", str(corpus)], take
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
