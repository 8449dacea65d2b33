"""Bearer tokens: each may write one source; the file holds hashes, never a token.

A token has 256 random bits, so one round of SHA-256 is enough: there is no list of
likely tokens to try, as there is of passwords.
"""

import fcntl
import hmac
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from panelstream.models.errors import FileError, UsageError

_PREFIX = "ps"


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file: a name to revoke it by, its source, its hash, its day."""

    token: str
    source: str
    sha256: str
    made_on: str


class Tokens:
    """The tokens of a file, read again whenever it changes: a revoked one ends at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._tokens: Sequence[Token] = ()
        self.refresh()

    def refresh(self) -> None:
        """Read the file if it is another than before. Raises `FileError`."""
        seen = _signature(self._path)
        if seen != self._seen:
            self._tokens = read(self._path)
            self._seen = seen

    def source_of(self, presented: str) -> str | None:
        """The source that a token may write; None if it is not known.

        Compared with every hash, each in constant time.
        """
        given, source = _hash(presented), None
        for entry in self._tokens:
            if hmac.compare_digest(entry.sha256.encode(), given.encode()):
                source = entry.source
        return source


def read(path: Path) -> Sequence[Token]:
    """The tokens of a file.

    Raises `FileError` where it is missing, readable by others, or not such a file.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise FileError(path, "", "others can read the tokens; run chmod 600 on it")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem = "no such file; 'panelstream tokens add SOURCE' makes it"
        raise FileError(path, "", problem) from None
    except (OSError, UnicodeDecodeError):
        raise FileError(path, "", "cannot be read as a file of tokens") from None
    lines = enumerate(text.splitlines(), start=1)
    return [_token(path, number, line) for number, line in lines if line.strip()]


def add(path: Path, source: str, made_on: str) -> tuple[Token, str]:
    """Make a token for a source; returns its entry, and the token, which nobody keeps.

    A source may have several, so that one can be replaced without a gap.
    """
    with _alone(path):
        name = secrets.token_hex(4)
        secret = f"{_PREFIX}_{name}_{secrets.token_urlsafe(32)}"
        token = Token(name, source, _hash(secret), made_on)
        _write(path, [*(read(path) if path.exists() else ()), token])
    return token, secret


def revoke(path: Path, name: str) -> Token:
    """Take a token away. Raises `UsageError` if there is none of that name."""
    with _alone(path):
        tokens = read(path)
        revoked = [entry for entry in tokens if entry.token == name]
        if not revoked:
            raise UsageError(f"no token {name}; 'panelstream tokens list' lists them")
        _write(path, [entry for entry in tokens if entry.token != name])
    return revoked[0]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two commands at once would write over each other."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, tokens: Sequence[Token]) -> None:
    """Write the file whole or not at all, for its owner alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    lines = [msgspec.json.encode(token) + b"\n" for token in tokens]
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.writelines(lines)
    temporary.replace(path)


def _token(path: Path, number: int, line: str) -> Token:
    try:
        return msgspec.json.decode(line, type=Token)
    except msgspec.DecodeError:
        raise FileError(path, str(number), "not a token; remove the line") from None


def _signature(path: Path) -> tuple[int, ...]:
    try:
        result = path.stat()
    except OSError:
        return ()
    return result.st_ino, result.st_mtime_ns, result.st_size, result.st_mode


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
