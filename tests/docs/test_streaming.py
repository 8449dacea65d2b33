"""docs/how-to/streaming.md: metrics, headers and settings are those of the code."""

import re

from panelstream.ingest.kafka import records
from panelstream.ingest.kafka.letter_metrics import LetterMetrics
from panelstream.ingest.kafka.metrics import WorkerMetrics
from panelstream.models.events.event import Position, Rejection
from panelstream.models.settings import kafka
from tests.docs import documents

TEXT = documents.read("docs/how-to/streaming.md")


def test_every_metric_is_documented() -> None:
    """The table holds what the worker and the agent expose, and nothing else.

    The client's own of the process are one row.
    """
    names = {
        re.sub("^process_.*", "process_…", family.name)
        for metrics in (WorkerMetrics(), LetterMetrics())
        for family in metrics.registry.collect()
    }
    assert set(documents.documented(TEXT, "Metrics")) == names


def test_every_header_is_documented() -> None:
    """The headers that a worker gives a dead letter, without their common beginning."""
    place = Position("events[0]", 0, 0, "id")
    headers = records.why(Rejection("not_json", "", place))
    names = {name.removeprefix(records.OURS) for name, _ in headers}
    [sentence] = [line for line in TEXT.splitlines() if "`panelstream-reason`" in line]
    assert set(re.findall("`(?:panelstream)?-([a-z-]+)`", sentence)) == names


def test_settings_are_those_of_the_code() -> None:
    """What the table says of topics and clients is so."""
    rows = dict(
        line.strip("| ").split(" | ")[:2]
        for line in documents.section(TEXT, "Topics").splitlines()
        if line.startswith("| `")
    )
    assert rows["`max.message.bytes`"].startswith(f"{kafka.MAX_RECORD_BYTES >> 20} MiB")
    assert (
        rows["`enable.auto.commit`"]
        == str(kafka.CONSUMER["enable_auto_commit"]).lower()
    )
    assert kafka.CONSUMER["max_poll_interval_ms"] == 24 * 3600 * 1000
    assert (
        rows["`session.timeout.ms`"]
        == f"{kafka.CONSUMER['session_timeout_ms'] // 1000} s"
    )
    assert rows["`isolation.level`"] == kafka.CONSUMER["isolation_level"]
    assert rows["`acks`"].startswith(kafka.PRODUCER["acks"])
    assert rows["`cleanup.policy`"] == kafka.TOPIC["cleanup.policy"]
