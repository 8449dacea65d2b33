"""A worker that is wrong on purpose: it commits before it writes.

It is here to show that the ledger can tell.
"""

from panelstream.flows import cli
from panelstream.ingest.kafka import worker
from panelstream.ingest.kafka.batch import RecordBatch
from panelstream.ingest.kafka.worker import EventWorker


class CommitFirst(EventWorker):
    """Says that events are stored which are not yet."""

    async def process(self, batch: RecordBatch) -> None:
        """Commit a batch, then store it."""
        await self.offsets.commit(batch.positions)
        await self.store(batch)


if __name__ == "__main__":
    worker.EventWorker = CommitFirst  # type: ignore[misc]
    cli.main()
