"""Wiring: the `panelstream` command and the Prefect flows."""

import os

DEFAULTS = {
    # Fits run beside one another on one thread each: small matrices are several times as
    # quick so, and sums are the same on any number of cores. It counts before numpy comes.
    "OPENBLAS_NUM_THREADS": "1",
    # Nothing of ours tells anybody that it runs.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # Prefect gives its own temporary server 20 s; a first start took 75 s elsewhere.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
}
"""Settings of libraries, where nobody has set them; read when a library is imported."""

for _name, _value in DEFAULTS.items():
    os.environ.setdefault(_name, _value)
