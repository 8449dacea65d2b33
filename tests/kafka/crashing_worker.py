"""A worker with a timer that fails, as a defect of ours would let it."""

import faust

from panelstream.flows import cli
from panelstream.ingest.kafka import worker
from panelstream.ingest.kafka.worker import EventWorker


class CrashingWorker(EventWorker):
    """Fails as soon as it measures its lag."""

    @faust.Service.timer(0.1)
    async def measure_lag(self) -> None:
        """Fail, with an error that quotes somebody."""
        raise KeyError("canary")


if __name__ == "__main__":
    worker.EventWorker = CrashingWorker  # type: ignore[misc]
    cli.main()
