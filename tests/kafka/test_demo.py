"""The demo through Kafka and a worker is the demo from files."""

import os
from pathlib import Path

from tests.lib import warm
from tests.lib.streams import ROOT, Kafka


def test_same_bytes(kafka: Kafka, tmp_path: Path) -> None:
    """Panel and estimates are the same, byte for byte."""
    env = {**os.environ, "PANELSTREAM_KAFKA": kafka.address}
    for through in ("files", "kafka"):
        size = ["--participants", "60", "--waves", "3", "--through", through]
        line: list[str | Path] = [
            "-m",
            "panelstream.flows.cli",
            "demo",
            *size,
            "--out",
            tmp_path / through,
        ]
        done = warm.run(line, env, ROOT, fresh=through == "files")
        assert done.returncode == 0, done.stderr
    for name in ("panel.parquet", "estimates.csv"):
        files, other = (
            tmp_path / entry / "results/private" / name for entry in ("files", "kafka")
        )
        assert files.read_bytes() == other.read_bytes()
