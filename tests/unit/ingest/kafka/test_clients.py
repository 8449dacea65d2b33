"""What an error of the client says: of a record, of Kafka, or of a program."""

import zlib

import pytest
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    KafkaError,
    UnsupportedCodecError,
)

from panelstream.ingest.kafka.clients import is_undecodable


@pytest.mark.parametrize(
    ("error", "is_of_record"),
    [
        (CorruptRecordException("checksum"), True),
        (UnsupportedCodecError("snappy"), True),
        (zlib.error("invalid header"), True),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), True),
        (KafkaConnectionError("gone"), False),
        (KafkaError("other"), False),
        (AssertionError("a partition of another kind"), False),
        (NameError("recrod"), False),
    ],
)
def test_is_undecodable(error: Exception, is_of_record: bool) -> None:
    """A record is skipped for what decoding raises, and for nothing else."""
    assert is_undecodable(error) is is_of_record
