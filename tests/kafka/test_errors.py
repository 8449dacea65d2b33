"""What is wrong with Kafka is said in one line, with exit code 5."""

from collections.abc import Callable

import pytest

from tests.lib.streams import Stream

Streams = Callable[..., Stream]


@pytest.mark.parametrize(
    ("env", "words", "said"),
    [
        (
            {"KAFKA": "nonsense"},
            ["worker"],
            "PANELSTREAM_KAFKA (set in the environment)",
        ),
        (
            {"KAFKA": "127.0.0.1:1"},
            ["worker"],
            "Kafka at 127.0.0.1:1 does not serve us",
        ),
        ({"KAFKA_TOPIC": "none"}, ["worker"], "has no topic none, none.dead"),
        ({"KAFKA_TOPIC": "none"}, ["topics", "show"], "panelstream topics create"),
        (
            {"KAFKA_REPLICATION": "3", "KAFKA_TOPIC": "r"},
            ["topics", "create"],
            "InvalidReplicationFactorError",
        ),
        ({"WORKER_ADDRESS": "192.0.2.1:80"}, ["worker"], "PANELSTREAM_WORKER_ADDRESS"),
        ({"KAFKA_SASL_MECHANISM": "MAGIC"}, ["worker"], "PLAIN, SCRAM-SHA-256"),
    ],
)
def test_one_line(
    stream: Streams, env: dict[str, str], words: list[str], said: str
) -> None:
    """What, where it was set, what to do."""
    made = stream()
    made.env.update({f"PANELSTREAM_{name}": env[name] for name in env})
    done = made.run(*words)
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
