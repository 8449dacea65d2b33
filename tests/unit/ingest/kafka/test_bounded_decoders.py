"""What is compressed is decompressed up to a limit, by every codec of Kafka."""

from collections.abc import Callable, Mapping

import pytest
from aiokafka import codec
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import (
    DefaultRecordBatch,
    DefaultRecordBatchBuilder,
)

from panelstream.ingest.kafka import bounded_decoders
from panelstream.ingest.kafka.bounded_decoders import DECODERS, use_bounded_decoders

LIMIT = 1_000
ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip_decode": codec.gzip_encode,
    "lz4_decode": codec.lz4_encode,
    "zstd_decode": codec.zstd_encode,
    "snappy_decode": codec.snappy_encode,
}


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small limit."""
    monkeypatch.setattr(bounded_decoders, "MAX_UNPACKED_BYTES", LIMIT)


def raw_snappy(content: bytes) -> bytes:
    """As librdkafka writes it, without the blocks of Java's library."""
    return bytes(codec.snappy_encode(content, xerial_compatible=False))


@pytest.mark.parametrize("name", ENCODERS)
def test_limit(name: str) -> None:
    """Up to it the content comes back, beyond it nothing does."""
    for length in (0, 1, LIMIT):
        content = b"x" * length
        assert DECODERS[name](ENCODERS[name](content)) == content
    with pytest.raises(CorruptRecordException):
        DECODERS[name](ENCODERS[name](b"x" * (LIMIT + 1)))


def test_raw_snappy() -> None:
    """Both forms of snappy are read and bounded."""
    assert DECODERS["snappy_decode"](raw_snappy(b"x" * LIMIT)) == b"x" * LIMIT
    with pytest.raises(CorruptRecordException):
        DECODERS["snappy_decode"](raw_snappy(b"x" * (LIMIT + 1)))


@pytest.mark.parametrize("name", ENCODERS)
def test_damaged(name: str) -> None:
    """What is cut off or no such format is a corrupt record, not another error."""
    for damaged in (ENCODERS[name](b"x" * 500)[:-3], b"\xff" * 40):
        with pytest.raises(CorruptRecordException):
            DECODERS[name](damaged)


@pytest.mark.parametrize("compression", [1, 2, 3, 4])
def test_the_client_uses_them(
    compression: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch beyond the limit cannot be read; the client's own decoder would read it."""
    use_bounded_decoders()
    builder = DefaultRecordBatchBuilder(2, compression, False, -1, -1, -1, 10_000)
    builder.append(0, 0, None, b"x" * (LIMIT + 1), [])
    batch = DefaultRecordBatch(bytes(builder.build()))
    assert batch.validate_crc()
    with pytest.raises(CorruptRecordException):
        list(batch)
