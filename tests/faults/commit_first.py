"""A worker that is wrong on purpose: it commits before it writes.

It is here to show that the ledger can tell.
"""

from panelstream.flows import cli
from panelstream.ingest.kafka import worker
from panelstream.ingest.kafka.worker import Gathered, Writer


class CommitFirst(Writer):
    """Says that events are stored which are not yet."""

    async def take(self, gathered: Gathered) -> None:
        """Commit what was gathered, then write it."""
        if gathered.offsets:
            self.uncommitted |= gathered.offsets
            await self.commit()
            await self.write(gathered)


if __name__ == "__main__":
    worker.Writer = CommitFirst  # type: ignore[misc]
    cli.main()
