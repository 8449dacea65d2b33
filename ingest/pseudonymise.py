"""Platform ids to participant ids; nothing downstream ever sees the former.

`participant_id` is the first 128 bits of HMAC-SHA-256(key, namespace ‖ 0x1F ‖
subject), the subject normalized. The key file holds a chain, oldest first: each later
key is applied to the pseudonym that the earlier one gave, so keys rotate without raw
ids.
"""

import hmac
import os
import re
import secrets
import unicodedata
from pathlib import Path

from panelstream.models.errors import FileError

SEPARATOR = b"\x1f"
_CACHED = 1_000_000
_SIMILAR = b"similar" + SEPARATOR
_INVISIBLE = {"Cc", "Mn", "Me"}
"""Controls, and marks that need a letter; they count beside one, and are no id alone."""
_HYPHENS = re.compile("[\u2010-\u2015\u2212\ufe63\uff0d]")
_FOLDED = re.compile(r"(?<!\d)0+(?=\d)|[\s_\-\u30fc]")
"""Leading zeros of numbers, blanks, hyphens and underscores."""


class Pseudonyms:
    """Maps subjects of one namespace to 16-byte participant ids."""

    def __init__(self, keys: tuple[bytes, ...], namespace: str) -> None:
        # Copying a keyed hash costs less than to hash the key for each message.
        self._hashes = [hmac.new(key, digestmod="sha256") for key in keys]
        self._prefix = namespace.encode() + SEPARATOR
        self._cache: dict[str, bytes] = {}

    def participant_id(self, subject: str) -> bytes:
        """The participant id of a subject, however it is written."""
        pseudonym = self._cache.get(subject)
        if pseudonym is None:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            pseudonym = self._derive(self._prefix + normalize_id(subject).encode())
            self._cache[subject] = pseudonym
        return pseudonym

    def similar_id(self, subject: str) -> bytes:
        """The same for subjects that differ only by case, blanks, hyphens or zeros.

        16 bytes that are nobody's participant id.
        """
        return self._derive(_SIMILAR + self._prefix + _folded(subject).encode())

    def _derive(self, message: bytes) -> bytes:
        for keyed in self._hashes:
            mac = keyed.copy()
            mac.update(message)
            message = mac.digest()[:16]
        return message


def normalize_id(text: str) -> str:
    """An id as it is compared at every door: events, roster, exports and links.

    Full and half width are one (NFKC), dashes are hyphens; blanks around it and
    characters without width do not count. Empty: it is no id, as nothing in it can
    be seen.
    """
    if text.isascii():
        stripped = text.strip()
    else:
        compatible = unicodedata.normalize("NFKC", text)
        visible = (c for c in compatible if unicodedata.category(c) != "Cf")
        stripped = _HYPHENS.sub("-", "".join(visible)).strip()
    return stripped if any(map(_is_visible, stripped)) else ""


def _is_visible(sign: str) -> bool:
    return not sign.isspace() and unicodedata.category(sign) not in _INVISIBLE


def _folded(text: str) -> str:
    """Without case, and without what people add to an id or leave out."""
    return _FOLDED.sub("", normalize_id(text).casefold())


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
            path,
            "",
            "no pseudonym key; restore it from its backup ('panelstream init' makes one "
            "only where the warehouse has nobody yet)",
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
