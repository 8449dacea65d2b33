"""docs/how-to/collector.md: metrics, limits and media types are those of the code."""

from panelstream.ingest.collector import messages
from panelstream.ingest.collector.metrics import CollectorMetrics
from panelstream.models.settings.collector import Limits
from tests.docs import documents

TEXT = documents.read("docs/how-to/collector.md")


def test_every_metric_is_documented() -> None:
    """The table holds what the collector exposes, and nothing else."""
    names = {family.name for family in CollectorMetrics().registry.collect()}
    assert set(documents.documented(TEXT, "Metrics")) == names


def test_every_way_to_send_is_documented() -> None:
    """The media types that are taken."""
    listed = set(documents.documented(TEXT, "What to send"))
    assert listed == {*messages._BY_TYPE, "application/json"}


def test_limits_are_those_of_the_code() -> None:
    """What the table says is so."""
    limits = Limits()
    rows = dict(
        line.strip("| ").split(" | ")[:2]
        for line in documents.section(TEXT, "Limits").splitlines()
        if line.startswith("| ")
    )
    rate = f"`PANELSTREAM_COLLECTOR_RATE`, {limits.rate:,}; ten seconds' worth at once"
    assert rows["events a second of one source"] == rate
    assert limits.burst_seconds == 10
    assert rows["a body as sent"] == f"{limits.body >> 20} MiB"
    assert rows["a body unpacked"].startswith(f"{limits.content >> 20} MiB;")
    assert rows["events a request"] == f"{limits.events:,}"
    held = rows["content being read or not durable yet"]
    assert held.startswith(f"{limits.memory >> 20} MiB, of one source half")
    assert limits.share == 2
    assert rows["reading a body"] == f"{limits.body_seconds:.0f} s"
    assert rows["the head of a request"] == f"{limits.head_seconds:.0f} s"
    assert rows["a connection without a request"] == f"{limits.idle_seconds} s"
    assert rows["becoming durable"] == f"{limits.sink_seconds:.0f} s"
