"""When a consumer began and what it has taken: the same for ours and for the peer."""

import json
import resource
import sys
import time
from typing import Any

from aiokafka import AIOKafkaConsumer


class Taking:
    """Measures from the moment the consumer has started until all events are stored."""

    def __init__(self, events: int) -> None:
        self.left = events
        self.began = self.ended = 0.0
        start = AIOKafkaConsumer.start

        async def timed_start(consumer: Any) -> None:
            await start(consumer)
            self.began = time.perf_counter()

        AIOKafkaConsumer.start = timed_start

    def stored(self, events: int) -> bool:
        """Note events that are stored; whether they were the last."""
        self.left -= events
        self.ended = time.perf_counter()
        return self.left <= 0

    def report(self) -> None:
        """Print seconds and the peak memory of the process as JSON."""
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        told = {"seconds": self.ended - self.began, "megabytes": kilobytes / 1024}
        # A line of its own: Faust leaves a sign for the terminal behind.
        sys.stdout.write(f"\n{json.dumps(told)}\n")
