"""A worker whose dead letters take seconds, so that it can be met in the middle of them."""

import asyncio
from collections.abc import Sequence

from panelstream.flows import cli
from panelstream.ingest.kafka import worker
from panelstream.ingest.kafka.dead_letter_sender import DeadLetterSender, Letter


class SlowSender(DeadLetterSender):
    """Rests after each part."""

    async def _send(self, letters: Sequence[Letter]) -> None:
        await super()._send(letters)
        await asyncio.sleep(3)


if __name__ == "__main__":
    worker.DeadLetterSender = SlowSender  # type: ignore[attr-defined]
    cli.main()
