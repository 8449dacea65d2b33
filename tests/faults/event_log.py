"""The log that workers read, and what a broker can do to it unread.

What becomes unknown is known here from the records' own times: each gap reaches from
the last record that was read of its partition to the first one that is left after it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from kafka.structs import TopicPartition

from panelstream.ingest.kafka import clients
from panelstream.ingest.kafka.log_positions import TopicLog
from panelstream.models.errors import PanelstreamError
from tests.faults.ledger import Blind, Delivery, Gap, Ledger, Log
from tests.faults.parties import wait_for
from tests.faults.traffic import local_day
from tests.lib.streams import Stream

_PATIENCE, _PAUSE = 600.0, 0.5
_TICK = timedelta(microseconds=1)


@dataclass
class EventLog:
    """The topic of a run, and the ledger of what was sent to it."""

    stream: Stream
    ledger: Ledger
    partitions: int

    def read(self) -> TopicLog:
        """The topic as it is; asks until a broker that was hurt answers."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                return clients.read_log(self.stream.settings)
            except (PanelstreamError, KeyError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def commits(self) -> dict[int, int]:
        """What the group has committed, by partition."""
        return {number: entry.offset for number, entry in self.read().commits.items()}

    def recover(self) -> float:
        """Seconds until all that was sent by now is committed."""
        began, ends = time.monotonic(), self.read().ends

        def is_committed() -> bool:
            commits = self.commits()
            return all(commits.get(number, 0) >= end for number, end in ends.items())

        # Each look connects to the broker: not often, as this machine has other work.
        wait_for(is_committed, "everything is committed", _PATIENCE, _PAUSE)
        return time.monotonic() - began

    def delete_unread(self, commits: Mapping[int, int]) -> list[Gap]:
        """What retention does: all that waits is deleted but the last record."""
        unread = {
            number: self._placed(number, offset) for number, offset in commits.items()
        }
        gaps = [
            Gap("retention", number, commits[number], _offset(deliveries[-1]))
            for number, deliveries in unread.items()
            if len(deliveries) > 1
        ]
        for gap in gaps:
            self.ledger.lose(gap.partition, gap.start, gap.until)
        with clients.admin(self.stream.settings) as client:
            client.delete_records(
                {TopicPartition(self.stream.topic, g.partition): g.until for g in gaps}
            )
        return gaps

    def create_again(self, commits: Mapping[int, int]) -> list[Gap]:
        """The topic is deleted with what waits in it, and created again."""
        gaps = self._end("topic_recreated", commits)
        with clients.admin(self.stream.settings) as client:
            client.delete_topics([self.stream.topic])
        create = ("topics", "create")
        wait_for(lambda: self.stream.run(*create).returncode == 0, "a new topic")
        return gaps

    def lose(self, commits: Mapping[int, int]) -> list[Gap]:
        """The broker loses the topic's records, and begins at 0 again."""
        gaps = self._end("log_lost", commits)
        self.stream.kafka.lose(self.stream.topic, *range(self.partitions))
        return gaps

    def _end(self, reason: str, commits: Mapping[int, int]) -> list[Gap]:
        for number, offset in commits.items():
            self.ledger.lose(number, offset)
        return [
            Gap(reason, number, offset, offset) for number, offset in commits.items()
        ]

    def begin(self) -> None:
        """From now on records are in the log as it is now."""
        before, topic_id = self.ledger.log, self.read().topic_id
        previous_id, _, losses = before.log_id.partition(".")
        log_id = f"{topic_id}.{int(losses or 0) + 1}"
        if previous_id != topic_id:
            log_id = topic_id
        self.ledger.log = Log(before.number + 1, log_id)

    def last_read(self, commits: Mapping[int, int]) -> dict[int, Delivery]:
        """The last record that was read of each partition."""
        return {
            number: [
                delivery
                for delivery in self._placed(number)
                if _offset(delivery) < offset
            ][-1]
            for number, offset in commits.items()
        }

    def blind(self, gap: Gap, last_read: Delivery) -> None:
        """Enter a gap, when a record is there after it."""
        start = gap.until if gap.reason == "retention" else 0

        def following() -> list[Delivery]:
            return self._placed(gap.partition, start)

        wait_for(following, f"partition {gap.partition} goes on")
        days = local_day(last_read.at), local_day(following()[0].at - _TICK)
        self.ledger.gaps.add(gap)
        self.ledger.blind.append(Blind(*days))

    def _placed(self, partition: int, start: int = 0) -> list[Delivery]:
        placed = self.ledger.placed(self.ledger.log, partition)
        return [delivery for delivery in placed if _offset(delivery) >= start]


Harm = Callable[[EventLog, Mapping[int, int]], list[Gap]]


def _offset(delivery: Delivery) -> int:
    assert delivery.place
    return delivery.place.offset
