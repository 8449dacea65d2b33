"""Platform ids to participant ids; nothing downstream ever sees the former.

`participant_id` is the first 128 bits of HMAC-SHA-256(key, namespace ‖ 0x1F ‖
subject). The key file holds a chain, oldest first: each later key is applied to
the pseudonym that the earlier one gave, so keys rotate without raw ids.
"""

import hmac
import os
import secrets
from pathlib import Path

from panelstream.models.errors import FileError

SEPARATOR = b"\x1f"
_CACHED = 1_000_000


class Pseudonyms:
    """Maps subjects of one namespace to 16-byte participant ids."""

    def __init__(self, keys: tuple[bytes, ...], namespace: str) -> None:
        self._first, *self._later = keys
        self._prefix = namespace.encode() + SEPARATOR
        self._cache: dict[str, bytes] = {}

    def participant_id(self, subject: str) -> bytes:
        """The participant id of a subject."""
        pseudonym = self._cache.get(subject)
        return pseudonym if pseudonym is not None else self._derive(subject)

    def _derive(self, subject: str) -> bytes:
        pseudonym = _mac(self._first, self._prefix + subject.encode())
        for key in self._later:
            pseudonym = _mac(key, pseudonym)
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[subject] = pseudonym
        return pseudonym


def read_keys(path: Path) -> tuple[bytes, ...]:
    """Read the key chain: one key a line, at least 32 hex digits each.

    Raises `FileError` where the file is missing, readable by others or not a
    chain; the message never shows a key.
    """
    try:
        text = path.read_text(encoding="ascii")
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise FileError(
            path, "", "no pseudonym key; 'panelstream init' makes one"
        ) from None
    except UnicodeDecodeError:
        raise FileError(path, "", "not a key file: write hex digits only") from None
    if mode & 0o077:
        raise FileError(path, "", "others can read the key; run chmod 600 on it")
    return _parse(path, text)


def write_key(path: Path, key: bytes | None = None) -> None:
    """Write a new key file (mode 0600); an existing one is never overwritten."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
        file.write((key or secrets.token_bytes(32)).hex() + "\n")


def _parse(path: Path, text: str) -> tuple[bytes, ...]:
    keys = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            keys.append(_key(path, number, line.strip()))
    if not keys:
        raise FileError(path, "1", "the key file is empty")
    return tuple(keys)


def _key(path: Path, number: int, line: str) -> bytes:
    try:
        key = bytes.fromhex(line)
    except ValueError:
        raise FileError(path, str(number), "not a key: write hex digits only") from None
    if len(key) < 16:
        raise FileError(
            path, str(number), "too short: a key has at least 32 hex digits"
        )
    return key


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")[:16]
