"""The bare producer: the same events, with the emitter's settings and without its care.

python -m bench.send_with_kafka_python ADDRESS TOPIC COUNT EVENTS_A_RECORD
"""

import json
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from kafka import KafkaProducer
from panelstream_emitter.kafka_sink import PRODUCER

from bench.measuring import measured


def _events(count: int) -> Iterator[bytes]:
    for _ in range(count):
        made = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "u2plus.web",
            "type": "u2plus.reaction_given",
            "time": datetime.now(UTC).isoformat(),
            "subject": "user-020771",
            "data": {"kind": "empathy", "target": "story"},
        }
        yield json.dumps(made, separators=(",", ":")).encode()


def _records(count: int, events: int) -> Iterator[bytes]:
    made = _events(count)
    while some := list(islice(made, events)):
        yield some[0] if events == 1 else b"[" + b",".join(some) + b"]"


def _send(address: str, topic: str, count: int, events: int) -> None:
    # It gathers by itself, as a platform would have it; ours has gathered already.
    settings = {**PRODUCER, "linger_ms": 20, "max_block_ms": 60_000}
    producer = KafkaProducer(bootstrap_servers=address, **settings)
    producer.send(topic, b"{}").get(30)
    with measured():
        for value in _records(count, events):
            producer.send(topic, value)
        producer.flush()
    producer.close()


if __name__ == "__main__":
    _, where, name, number, size = sys.argv
    _send(where, name, int(number), int(size))
