"""How many threads a matrix product takes."""

import os
import subprocess
import sys

SAY = (
    "import panelstream.flows.cli, os, sys;"
    "print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)"
)


def test_one_thread_is_asked_for_before_numpy_comes() -> None:
    """Later it would not count; whoever asks for another number gets it."""
    plain = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    for env, threads in ((plain, "1"), (plain | {"OPENBLAS_NUM_THREADS": "3"}, "3")):
        told = subprocess.run(
            [sys.executable, "-c", SAY], env=env, capture_output=True, text=True
        )
        assert told.stdout.split() == [threads, "False"]
