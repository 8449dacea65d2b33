"""The file of tokens: who it is for, and what is wrong with one."""

import threading
from pathlib import Path

import pytest

from panelstream.ingest.collector import tokens
from panelstream.ingest.collector.tokens import Tokens
from panelstream.models.errors import FileError, UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where tokens are to be."""
    return tmp_path / "collector.tokens"


def test_a_token_opens_its_source(file: Path) -> None:
    """Also one of several of a source; nothing else does."""
    first, second, other = (
        tokens.add(file, source, "2027-01-01")[1] for source in ("a", "a", "b")
    )
    known = Tokens(file)
    assert [known.source_of(entry) for entry in (first, second, other)] == [
        "a",
        "a",
        "b",
    ]
    for wrong in ("", first[:-1], first + "x", first.upper(), "ア", "\udcff"):
        assert known.source_of(wrong) is None
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_change_is_seen(file: Path) -> None:
    """A revoked token is known no more as soon as the file is looked at."""
    made, secret = tokens.add(file, "a", "2027-01-01")
    known = Tokens(file)
    assert tokens.revoke(file, made.token) == made
    known.refresh()
    assert known.source_of(secret) is None
    assert tokens.read(file) == []
    with pytest.raises(UsageError, match=f"no token {made.token}"):
        tokens.revoke(file, made.token)


def test_two_commands_at_once(file: Path) -> None:
    """None writes over what another wrote."""
    adding = [
        threading.Thread(target=tokens.add, args=(file, f"s{n}", "2027-01-01"))
        for n in range(20)
    ]
    for one in adding:
        one.start()
    for one in adding:
        one.join()
    assert {one.source for one in tokens.read(file)} == {f"s{n}" for n in range(20)}


def test_files_that_are_wrong(file: Path) -> None:
    """Missing, open to others, or with a line that is no token: the place is told."""
    with pytest.raises(FileError, match="tokens add SOURCE"):
        Tokens(file)
    tokens.add(file, "a", "2027-01-01")
    file.write_text(file.read_text() + '{"token": "canary"}\n')
    with pytest.raises(FileError, match=r":2: not a token") as wrong:
        tokens.read(file)
    assert "canary" not in str(wrong.value)
    file.write_bytes(b"\xff")
    with pytest.raises(FileError, match="cannot be read"):
        tokens.read(file)
    file.chmod(0o640)
    with pytest.raises(FileError, match="chmod 600"):
        tokens.read(file)
