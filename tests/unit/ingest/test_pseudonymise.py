"""Pseudonyms: what they are, how keys rotate, who may read the key."""

import hashlib
import hmac
from pathlib import Path

import pytest

from panelstream.ingest.pseudonymise import (
    Pseudonyms,
    normalize_id,
    read_keys,
    write_key,
)
from panelstream.models.errors import FileError

KEY, LATER = b"k" * 32, b"l" * 32


def test_pseudonym_is_the_documented_hmac() -> None:
    """First 128 bits of HMAC-SHA-256(key, namespace, 0x1F, subject)."""
    mac = hmac.new(KEY, b"u2plus\x1fuser-1", hashlib.sha256).digest()
    assert Pseudonyms((KEY,), "u2plus").participant_id("user-1") == mac[:16]


def test_known_answer() -> None:
    """A value computed apart, with another tool, so that no release changes it.

    printf 'u2plus\\037user-1' | openssl dgst -sha256 -mac HMAC \\
        -macopt hexkey:6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b
    """
    assert (
        Pseudonyms((KEY,), "u2plus").participant_id("user-1").hex()
        == "684cfe42d7521c903fa9775ea1470ad2"
    )


def test_later_key_applies_to_the_earlier_pseudonym() -> None:
    """A rotated pseudonym follows from the old one without the platform's id."""
    old = Pseudonyms((KEY,), "u2plus").participant_id("user-1")
    rotated = hmac.new(LATER, old, hashlib.sha256).digest()[:16]
    assert Pseudonyms((KEY, LATER), "u2plus").participant_id("user-1") == rotated


def test_namespaces_do_not_meet() -> None:
    """The same id on two platforms is two people."""
    assert Pseudonyms((KEY,), "a").participant_id("x") != Pseudonyms(
        (KEY,), "b"
    ).participant_id("x")


def test_key_file_is_for_the_owner_alone(tmp_path: Path) -> None:
    """A key is written with mode 0600, and refused if others can read it."""
    path = tmp_path / "key"
    write_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_keys(path)[0]) == 32
    path.chmod(0o644)
    with pytest.raises(FileError, match="chmod 600"):
        read_keys(path)


def test_key_file_is_never_overwritten(tmp_path: Path) -> None:
    """Losing a key would lose the link between old and new data."""
    write_key(tmp_path / "key", KEY)
    with pytest.raises(FileExistsError):
        write_key(tmp_path / "key", LATER)
    assert read_keys(tmp_path / "key") == (KEY,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("zz" * 16, "hex digits"),
        ("ab", "too short"),
        ("é", "hex digits"),
    ],
)
def test_broken_key_file_is_said_without_the_key(
    tmp_path: Path, text: str, problem: str
) -> None:
    """The message names the place and the remedy, never what the file holds."""
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(FileError, match=problem) as caught:
        read_keys(path)
    assert not text or text not in str(caught.value)


def test_missing_key_file_says_what_makes_one(tmp_path: Path) -> None:
    """A new study is told how to get a key."""
    with pytest.raises(FileError, match="panelstream init"):
        read_keys(tmp_path / "none")


@pytest.mark.parametrize(
    "text",
    [
        " u-01",
        "u-01\u3000",
        "ｕ－０１",
        "u\u201101",
        "u\u221201",
        "u\u201501",
        "\ufeffu-0\u200b1",
        "u-0\u00ad1",
    ],
)
def test_one_person_however_the_id_is_written(text: str) -> None:
    """Width, dashes, outer blanks and characters without width make no other person."""
    people = Pseudonyms((KEY,), "u2plus")
    assert normalize_id(text) == "u-01"
    assert people.participant_id(text) == people.participant_id("u-01")


@pytest.mark.parametrize("text", ["", " ", "\u3000", "\u200b", "\ufeff \t"])
def test_nothing_visible_is_no_id(text: str) -> None:
    """So that nobody is called a blank."""
    assert normalize_id(text) == ""


@pytest.mark.parametrize(
    "text", ["U-01", "u-1", "u 01", "u01", "u_01", "u－００1", "uー01"]
)
def test_similar_ids_are_other_people(text: str) -> None:
    """Case, zeros, inner blanks and hyphens are kept, and share the similar id."""
    people = Pseudonyms((KEY, LATER), "u2plus")
    assert people.participant_id(text) != people.participant_id("u-01")
    assert people.similar_id(text) == people.similar_id("u-01")
    assert people.similar_id(text) != people.participant_id("u1")


@pytest.mark.parametrize("text", ["u-10", "u-011", "v-01", "u-0"])
def test_other_ids_are_not_similar(text: str) -> None:
    """Zeros count behind another digit."""
    people = Pseudonyms((KEY,), "u2plus")
    assert people.similar_id(text) != people.similar_id("u-01")
