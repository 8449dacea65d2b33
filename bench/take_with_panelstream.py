"""Ours: the worker, from a topic to the embedded warehouse.

Arguments: address of Kafka, topic, number of events in it.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

from bench import kafka
from bench.taking import Taking
from panelstream.ingest.events.pipeline import Pipeline, Prepared
from panelstream.ingest.kafka import worker
from panelstream.ingest.pseudonymise import Pseudonyms
from panelstream.models.events import catalogue
from panelstream.models.settings.environment import Settings
from panelstream.models.timestamps import utc_now
from panelstream.models.warehouse import store
from panelstream.models.warehouse.definitions import apply_migrations
from panelstream.models.warehouse.ledger import Batch


class Counted(Pipeline):
    """The path, and the end of the process once everything is stored."""

    taking: Taking

    def append(self, prepared: Prepared) -> Batch:
        """Write a batch."""
        batch = super().append(prepared)
        if self.taking.stored(batch.counts.received):
            os.kill(os.getpid(), signal.SIGTERM)
        return batch


def main(address: str, topic: str, events: int) -> None:
    """Take all events of a topic as a new group."""
    Counted.taking = Taking(events)
    own = {"PANELSTREAM_WORKER_ADDRESS": f"127.0.0.1:{kafka.free_port()}"}
    with tempfile.TemporaryDirectory() as folder:
        warehouse = store.open_store(f"chdb://{folder}/warehouse")
        apply_migrations(warehouse)
        u2plus = catalogue.find_catalogue("u2plus", Path(folder))
        people = Pseudonyms((b"k" * 32,), u2plus.namespace)
        worker.run_worker(
            kafka.settings(address, topic, uuid4().hex),
            Settings.from_environ(own).worker,
            lambda: Counted(u2plus, people, warehouse, utc_now),
        )
    Counted.taking.report()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
