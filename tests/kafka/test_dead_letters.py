"""Rejected events are listed, sent again once the cause is mended, and then resolved."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.lib import studies
from tests.lib.streams import Stream, until

AT = datetime(2026, 1, 11, 8, tzinfo=UTC)
CATALOGUE = """
catalogue: tiny
namespace: tiny
sources: [u2plus]
functions: [story, reaction]
types:
  u2plus.story_posted: {function: story}
"""
MENDED = CATALOGUE + "  u2plus.reaction_given: {function: reaction}\n"

Streams = Callable[..., Stream]


COUNTED = {"ready": True, "waiting_for": "", "records_behind": 0}
"""What an agent that has counted all letters says of itself."""


def posted(name: str) -> bytes:
    """An event that the catalogue knows from the start."""
    return json.dumps(studies.event("story_posted", "ann", AT, id=name)).encode()


def given(name: str) -> bytes:
    """An event that it knows once it is mended."""
    event = studies.event("reaction_given", "ann", AT, id=name, data=None)
    return json.dumps(event, indent=1).encode()


def test_replay_from_kafka_and_file(stream: Streams, tmp_path: Path) -> None:
    """Mended, they are taken in; replaying twice changes nothing; the rest stays open."""
    made, file = stream(catalogue="catalogue.yaml"), tmp_path / "late.ndjson"
    (made.study / "catalogue.yaml").write_text(CATALOGUE)
    batch = b"[" + posted("b0") + b"," + given("b1") + b"]"
    made.send(given("a"), batch, b"never JSON")
    made.drain()
    file.write_bytes(given("c").replace(b"\n", b"") + b"\n{}\n")
    assert made.run("ingest", str(file)).returncode == 0
    assert made.ids() == ["b0"]
    assert len(listed(made)) == 5
    assert {
        letter["origin"] for letter in listed(made, "--reason", "unknown_type")
    } == {
        f"{made.topic}[0]",
        "late.ndjson",
    }

    (made.study / "catalogue.yaml").write_text(MENDED)
    output = made.run("dead-letters", "replay", "--reason", "unknown_type").stdout
    assert output == "resolved 3, rejected as before 0, payload not found 0\n"
    before = state(made)
    output = made.run("dead-letters", "replay").stdout
    assert output == "resolved 0, rejected as before 2, payload not found 0\n"
    assert state(made) == before
    assert sorted(made.ids()) == ["a", "b0", "b1", "c"]
    assert {letter["reason"] for letter in listed(made)} == {
        "not_json",
        "not_cloudevent",
    }


def test_replay_of_what_has_no_copy(stream: Streams) -> None:
    """Looked for where they were: decoded by now, unreadable still, or there no more."""
    made = stream()
    made.send(None)
    made.send_batch(posted("a"), b"[" + posted("b") + b", 7]")
    made.kafka.damage(made.topic, flip)
    made.drain("--no-limit")
    output = made.run("dead-letters", "replay").stdout
    assert output == "resolved 0, rejected as before 3, payload not found 0\n"
    assert made.ids() == []

    made.kafka.damage(made.topic, flip)  # as it was: what hindered us is mended
    output = made.run("dead-letters", "replay").stdout
    assert output == "resolved 2, rejected as before 1, payload not found 0\n"
    assert sorted(made.ids()) == ["a", "b"]
    left = [
        (letter["reason"], letter["line"], letter["batch_index"])
        for letter in listed(made)
    ]
    assert left == [("not_json", 0, None), ("not_cloudevent", 2, 1)]

    made.delete_before(2)
    output = made.run("dead-letters", "replay").stdout
    assert output == "resolved 0, rejected as before 1, payload not found 1\n"


def flip(batch: bytearray) -> None:
    """Change one bit under the checksum; done twice, nothing is changed."""
    batch[-1] ^= 1


def listed(stream: Stream, *words: str) -> list[dict[str, Any]]:
    """The open dead letters."""
    out = stream.run("dead-letters", "list", "--all", "--json", *words).stdout
    letters: list[dict[str, Any]] = json.loads(out)
    return letters


def state(stream: Stream) -> list[object]:
    """Every row that replaying could add."""
    tables = ("events", "arrivals", "dead_letters", "dead_letter_resolutions")
    return [
        stream.select(f"select * from {table} order by all")  # noqa: S608
        for table in tables
    ]


def test_agent_counts_what_arrives(stream: Streams) -> None:
    """By reason and day, and the same after a restart: its table is in Kafka.

    A record that cannot be decoded is named and skipped, by the agent and by replay.
    """
    made = stream()
    made.send(b"never JSON", b"nor this")
    made.drain()
    made.poison_dead_letters()
    made.send(b"{}")
    made.drain()
    today = datetime.now(UTC).date().isoformat()
    rows = [
        {"day": today, "reason": "not_cloudevent", "arrived": 1},
        {"day": today, "reason": "not_json", "arrived": 2},
    ]
    dead = made.settings.dead_topic
    for skipped in (1.0, 0.0):
        with made.process("dead-letters", "watch") as agent:
            until(lambda: json.loads(agent.page("dead-letters")) == rows, agent)
            until(lambda: agent.ready() == COUNTED, agent)
            page, log = agent.page("metrics"), agent.log.read_text()
            assert f"panelstream_dead_letters_skipped_total {skipped}" in page
            assert 'arrived{reason="not_json"} 2.0' in page
            assert f"topic {dead} as group {made.topic}.letters, partitions 0" in log
            assert (f"the record {dead}[0]:2 cannot be decoded" in log) == bool(skipped)
            assert "ok" in agent.page("health")
            assert agent.stop() == 0
    replay = made.run("dead-letters", "replay")
    assert "rejected as before 3" in replay.stdout
    assert f"skipped: {dead}[0]:2" in replay.stderr
