"""Files, Kafka and HTTP take the same of every input, and reject the same, with one reason.

Lines of files and of NDJSON hold no line end, so inputs that have one come by the other
roads only; headers hold texts, so only inputs whose attributes are texts come in them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.spec.roads import roads, table
from tests.spec.roads.roads import BATCH, SINGLE, Outcome
from tests.spec.roads.table import GROUPS, SKIP, Input

INPUTS = table.read_inputs()
LINES = [entry for entry in INPUTS if roads.is_line(entry.payload)]
BINARY = [
    entry
    for entry in INPUTS
    if roads.can_be_binary(entry) and entry.verdict("record_binary") != SKIP
]
NUMBERS = [entry.number for entry in LINES]
PAYLOADS = [entry.payload for entry in LINES]
_ARRAYS = [roads.in_array(entry) for entry in LINES]

Road = Callable[[Path], Outcome]
ROADS: Mapping[str, tuple[list[Input], Road]] = {
    "file": (
        LINES,
        lambda folder: roads.through_file(folder / "e.ndjson", NUMBERS, PAYLOADS),
    ),
    "file_array": (
        LINES,
        lambda folder: roads.through_file(folder / "e.ndjson", NUMBERS, _ARRAYS),
    ),
    "record": (
        INPUTS,
        lambda _: roads.through_kafka({row.number: row.payload for row in INPUTS}),
    ),
    "single": (
        INPUTS,
        lambda _: roads.through_kafka(
            {row.number: row.payload for row in INPUTS}, SINGLE
        ),
    ),
    "record_array": (
        INPUTS,
        lambda _: roads.through_kafka(
            {row.number: roads.in_array(row) for row in INPUTS}, BATCH
        ),
    ),
    "record_binary": (BINARY, lambda _: roads.through_kafka_binary(BINARY)),
    "lines": (
        LINES,
        lambda folder: roads.through_http(
            folder, roads.lines_in_a_request(PAYLOADS, packed=False), NUMBERS
        ),
    ),
    "gzip": (
        LINES,
        lambda folder: roads.through_http(
            folder, roads.lines_in_a_request(PAYLOADS, packed=True), NUMBERS
        ),
    ),
    "structured": (
        INPUTS,
        lambda folder: roads.through_http(folder, roads.one_a_request(INPUTS)),
    ),
    "http_array": (
        INPUTS,
        lambda folder: roads.through_http(folder, roads.array_a_request(INPUTS)),
    ),
    "http_binary": (
        BINARY,
        lambda folder: roads.through_http(folder, roads.binary_requests(BINARY)),
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """Every input sent down every road."""
    folder = tmp_path_factory.mktemp("roads")
    return {road: send(folder) for road, (_, send) in ROADS.items()}


def test_the_table_is_large_enough() -> None:
    """Three hundred inputs at least, and a hundred that can be in headers."""
    assert len(INPUTS) >= 300
    assert len(BINARY) >= 100
    assert {*ROADS} == {*GROUPS}


@pytest.mark.parametrize("road", ROADS)
def test_verdicts(road: str, outcomes: Mapping[str, Outcome]) -> None:
    """On each road every input has the verdict of the table, and harms no neighbour."""
    outcome, wrong = outcomes[road], []
    for entry in ROADS[road][0]:
        verdict = entry.verdict(road)
        expected = [] if verdict == "nothing" else verdict.split(", ")
        actual = _verdicts(road, entry.number, outcome)
        if actual != expected:
            wrong.append(f"{entry.text}: {', '.join(actual) or 'nothing'}")
    assert not wrong, "\n".join(wrong)


def test_stored_events_are_the_same(outcomes: Mapping[str, Outcome]) -> None:
    """What several roads store is stored with the same content by all of them."""
    for road, outcome in outcomes.items():
        for place, stored in outcome.events.items():
            same = outcomes["record"].events.get(place, stored)
            assert stored == same, (road, INPUTS[place[0]].text)


def _verdicts(road: str, number: int, outcome: Outcome) -> list[str]:
    in_array = "element" in GROUPS[road]
    return outcome.of_element(number) if in_array else outcome.of(number)
