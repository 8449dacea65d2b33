"""Records of a partition, without those that cannot be decoded: these are skipped singly."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError

from panelstream.ingest.kafka import clients
from panelstream.ingest.kafka.batch import KafkaRecord

_AT_ONCE = 200
"""Records fetched before looking how many bytes they are; of a hundred events, 5 MB."""
_SINGLE_RECORDS = 10_000
"""Records that are fetched one at a time where one of them cannot be decoded."""


@dataclass(frozen=True)
class Fetched:
    """What is ready of a partition.

    `skipped`: the offset of a record that cannot be decoded; `is_retried`: decoding
    failed, and will be tried once more from the same place.
    """

    records: Sequence[KafkaRecord] = ()
    skipped: int | None = None
    is_retried: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing for now."""
        return not self.records and self.skipped is None and not self.is_retried


class RecordFetcher:
    """Fetches what is ready of one partition at a time.

    Asked for several, the client drops what it has fetched of the others when one of
    them holds a record that it cannot decode. `_single`: records of a partition that are
    still fetched one at a time. `_suspects`: the offset of a partition at which decoding
    failed last.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._single: dict[TopicPartition, int] = {}
        self._suspects: dict[TopicPartition, int] = {}

    async def fetch(self, partition: TopicPartition) -> Fetched:
        """What is ready. Raises `KafkaError` for what is wrong but with a record."""
        limit = 1 if partition in self._single else _AT_ONCE
        try:
            fetched = await self._consumer.getmany(partition, max_records=limit)
        except Exception as error:
            if not clients.is_undecodable(error):
                raise
            return await self._skip_undecodable(partition)
        records = fetched.get(partition, ())
        if records:
            self._fetch_more_at_once(partition, len(records))
        return Fetched(records)

    async def _skip_undecodable(self, partition: TopicPartition) -> Fetched:
        """Skip exactly the record that cannot be decoded.

        The client says that there is one in what it fetched, not which. Fetched one at
        a time, those before it come first. What then fails may still be the end of the
        batch before; what fails again when fetched again from there is the record.
        """
        self._single.setdefault(partition, _SINGLE_RECORDS)
        try:
            offset = await self._consumer.position(partition)
        except IllegalStateError:  # it belongs to another worker since then
            return Fetched()
        is_certain = self._suspects.get(partition) == offset
        self._suspects[partition] = offset
        if not is_certain:
            return Fetched(is_retried=True)
        self._consumer.seek(partition, offset + 1)
        self._single[partition] = 1
        return Fetched(skipped=offset)

    def _fetch_more_at_once(self, partition: TopicPartition, fetched: int) -> None:
        """Fetch many at a time again after the bad record, or if there is none."""
        self._suspects.pop(partition, None)
        remaining = self._single.get(partition, 0) - fetched
        if remaining <= 0:
            self._single.pop(partition, None)
        else:
            self._single[partition] = remaining
