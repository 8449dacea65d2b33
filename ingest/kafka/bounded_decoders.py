"""Compressed batches of Kafka are decompressed up to a limit, in place of without one.

Brokers and clients bound what is *compressed*: 10 kB of zstd may hold 300 MB. The
client has no setting for it, so its decoders are replaced. A batch beyond the limit
cannot be read: its records are rejected as `unreadable_record`, at their offsets.
"""

import struct
import sys
import zlib
from collections.abc import Callable, Mapping

import cramjam
import numpy as np
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch
from typing_extensions import Buffer

from panelstream.models.settings.kafka import MAX_UNPACKED_BYTES

Decoder = Callable[[bytes], bytes]

_XERIAL = b"\x82SNAPPY\0"
_XERIAL_HEADER, _BLOCK_HEADER = 16, struct.Struct(">i")
_GZIP = 16 + zlib.MAX_WBITS


def use_bounded_decoders() -> None:
    """Let the client decompress no batch of records beyond `MAX_UNPACKED_BYTES`."""
    for batch in (DefaultRecordBatch, LegacyRecordBatch):
        module = sys.modules[batch.__module__]
        for name in DECODERS.keys() & vars(module).keys():
            setattr(module, name, DECODERS[name])


def _gunzip(payload: bytes) -> bytes:
    decompressor = zlib.decompressobj(_GZIP)
    try:
        content = decompressor.decompress(bytes(payload), MAX_UNPACKED_BYTES)
    except zlib.error:
        raise CorruptRecordException("damaged") from None
    if not decompressor.eof:
        raise CorruptRecordException("cut off, or too large when decompressed")
    return content


def _decode_zstd(payload: bytes) -> bytes:
    return _bounded(cramjam.zstd.decompress_into, payload)


def _decode_lz4(payload: bytes) -> bytes:
    return _bounded(cramjam.lz4.decompress_into, payload)


def _bounded(decompress_into: Callable[[Buffer, Buffer], int], payload: bytes) -> bytes:
    # Memory that nothing is written to is not taken.
    room = np.empty(MAX_UNPACKED_BYTES, np.uint8).data
    try:
        length = decompress_into(payload, room)
    except cramjam.DecompressionError:
        raise CorruptRecordException(
            "damaged, or too large when decompressed"
        ) from None
    return bytes(room[:length])


def _decode_snappy(payload: bytes) -> bytes:
    """Raw, or in the blocks that Java's library writes; each states its length first."""
    try:
        blocks = _blocks(payload) if payload.startswith(_XERIAL) else [payload]
        if sum(map(cramjam.snappy.decompress_raw_len, blocks)) > MAX_UNPACKED_BYTES:
            raise CorruptRecordException("too large when decompressed")
        return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)
    except (cramjam.DecompressionError, struct.error):
        raise CorruptRecordException("damaged") from None


def _blocks(payload: bytes) -> list[bytes]:
    blocks, start = [], _XERIAL_HEADER
    while start < len(payload):
        [length] = _BLOCK_HEADER.unpack_from(payload, start)
        start += _BLOCK_HEADER.size
        blocks.append(payload[start : start + length])
        start += length
    return blocks


DECODERS: Mapping[str, Decoder] = {
    "gzip_decode": _gunzip,
    "snappy_decode": _decode_snappy,
    "lz4_decode": _decode_lz4,
    "zstd_decode": _decode_zstd,
}
"""Name in the client's modules → decoder."""
