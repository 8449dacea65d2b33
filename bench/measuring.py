"""What a measured program says of itself."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def measured() -> Iterator[None]:
    """Print seconds of the block and the peak memory of the process as JSON."""
    began = time.perf_counter()
    yield
    tell(time.perf_counter() - began)


def tell(seconds: float, whose: int = resource.RUSAGE_SELF, **more: float) -> None:
    """Print seconds, `more`, and the peak memory of the process or its children."""
    megabytes = resource.getrusage(whose).ru_maxrss / 1024
    said = {"seconds": seconds, "megabytes": megabytes, **more}
    sys.stdout.write(json.dumps(said) + "\n")
