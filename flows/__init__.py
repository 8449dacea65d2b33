"""Wiring: the `panelstream` command and the Prefect flows."""

import os

# Fits run beside one another on one thread each: small matrices are several times as
# quick so, and sums are the same on any number of cores. It counts before numpy comes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
