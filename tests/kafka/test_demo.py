"""The demo through Kafka and a worker is the demo from files."""

from pathlib import Path

import pytest

from tests.lib.command import succeed
from tests.lib.shared import copy_demo
from tests.lib.streams import Kafka


def test_same_bytes(
    kafka: Kafka, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Panel and estimates are the same, byte for byte."""
    files, streamed = copy_demo(tmp_path_factory, tmp_path / "files"), tmp_path / "out"
    size = ("--participants", 60, "--waves", 3, "--through", "kafka")
    succeed("demo", *size, "--out", streamed, PANELSTREAM_KAFKA=kafka.address)
    for name in ("panel.parquet", "estimates.csv"):
        expected = (files / "results/private" / name).read_bytes()
        assert (streamed / "results/private" / name).read_bytes() == expected
