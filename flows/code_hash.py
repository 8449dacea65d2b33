"""The program itself: one hash over the source of its packages."""

import hashlib
from functools import cache
from pathlib import Path

import panelstream

CODE = Path(panelstream.__file__).parent
_PACKAGES = ("models", "ingest", "analysis", "flows", "chdb_server")
_SUFFIXES = {".py", ".sql", ".yaml", ".j2", ".css"}


@cache
def code_hash() -> str:
    """One hash over the source of the packages, so that a changed line shows."""
    files = sorted(
        file
        for package in _PACKAGES
        for file in (CODE / package).rglob("*")
        if file.suffix in _SUFFIXES
    )
    each = [f"{f.relative_to(CODE).as_posix()} {_hash(f.read_bytes())}" for f in files]
    return _hash("\n".join(each).encode())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
