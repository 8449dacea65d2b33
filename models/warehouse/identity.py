"""Whose warehouse it is: study, namespace, zone and keys, compared at every opening.

With another key everybody who is stored already would be counted twice; with another
study or namespace two studies would become one. So the first rows that are stored write
down whose they are, and an opening for anybody else is refused.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from panelstream.models.errors import FileError
from panelstream.models.warehouse.statements import statement_names
from panelstream.models.warehouse.store import Store

_ROW = pa.schema(
    {
        **dict.fromkeys(("study", "namespace", "timezone"), pa.string()),
        "keys": pa.list_(pa.string()),
        "unverified": pa.uint8(),
        **dict.fromkeys(("format", "program"), pa.string()),
        "recorded_at": pa.timestamp("us", "UTC"),
    }
)
_DIGITS = 8
_CLAIM_CHECKS, _CLAIM_SECONDS = 10, 0.2
"""How often, and at which distance, a claim is looked for that may be taken back."""


@dataclass(frozen=True)
class Identity:
    """Whose a warehouse is; what is empty is unknown.

    `keys`: a fingerprint of each key, oldest first. `unverified`: there were people
    already when the keys were recorded.
    """

    study: str
    namespace: str
    timezone: str
    keys: tuple[str, ...] = ()
    unverified: bool = False


@dataclass(frozen=True)
class Places:
    """Where a user would correct the study and its keys, for a message."""

    study_file: Path
    key_file: Path
    warehouse_setting: str


def fingerprint(key: bytes) -> str:
    """What tells keys apart without saying anything of them: 8 hex digits."""
    digest = hashlib.sha256(b"panelstream fingerprint" + key)
    return digest.hexdigest()[:_DIGITS]


def has_people(store: Store) -> bool:
    """Whether anything about anybody is stored."""
    return bool(store.query("tables_of_people").num_rows)


def read_identity(store: Store) -> Identity | None:
    """What the warehouse says of itself; None before anything was stored.

    Before identities were written down, the study file that was used last says which
    study it is, and nothing says which keys.
    """
    rows = store.query("identity").to_pylist()
    if not rows:
        return _identity_of_study_file(store)
    return _identity(rows[-1])


def claim_warehouse(
    store: Store, present: Identity, places: Places, program: str
) -> None:
    """Check that the warehouse is of this study, now and before the first rows.

    `present`: the study that opens it, without keys where no key file can be read.
    The first rows write down what is new: nothing is, while nobody stores anything, so
    several studies may have opened an empty warehouse. Raises `FileError` where it is
    another's, and so does the first insertion, which then stores nothing.
    """
    _compare(store, present, places)
    store.run_before_first_insert(lambda: _claim(store, present, places, program))


def _claim(store: Store, present: Identity, places: Places, program: str) -> None:
    """Write down whose the warehouse is, unless another study does so first."""
    versions = store.query("identity").num_rows
    stored = _compare(store, present, places)
    if stored:
        keys = present.keys or stored.keys
        present = replace(present, keys=keys, unverified=stored.unverified)
    if present != stored or not versions:
        at = _record(store, present, stored, program)
        _refuse_second(store, versions, at, present, places)


def _refuse_second(
    store: Store, versions: int, at: datetime, present: Identity, places: Places
) -> None:
    """Take a claim of the instant `at` back where another study made one meanwhile.

    `versions`: how many rows there were before. An earlier claim counts. A later one
    is taken back by its maker, unless that did not see ours when it was written down:
    then it stays, and ours is taken back. So never do both stay.
    """
    for _ in range(_CLAIM_CHECKS):
        rows = store.query("identity").to_pylist()[versions:]
        others = [row for row in rows if not _is_same(_identity(row), present)]
        if not others:
            return
        if any(row["recorded_at"] <= at for row in others):
            break
        time.sleep(_CLAIM_SECONDS)
    _take_back(store, at, present)
    _refuse_other(_identity(others[0]), present, places, True)
    raise FileError(
        places.study_file, "", "its warehouse was being set up twice; try again"
    )


def _take_back(store: Store, at: datetime, present: Identity) -> None:
    keys = list(present.keys)
    store.execute("changes/forget_claim", at=at, study=present.study, keys=keys)


def _is_same(stored: Identity, present: Identity) -> bool:
    keys = stored.keys == present.keys or not (stored.keys and present.keys)
    return keys and stored == replace(
        present, keys=stored.keys, unverified=stored.unverified
    )


def _compare(store: Store, present: Identity, places: Places) -> Identity | None:
    stored = read_identity(store)
    if stored:
        _refuse_other(stored, present, places, has_people(store))
    return stored


def _refuse_other(
    stored: Identity, present: Identity, places: Places, people: bool
) -> None:
    _check_study(stored, present, places)
    _check_keys(stored, present, places, people)


def adopt_warehouse(
    store: Store, present: Identity, places: Places, program: str
) -> None:
    """Write down another name or zone of the same study; namespace and keys stay.

    Raises `FileError` where these are others.
    """
    stored = read_identity(store) or present
    renamed = replace(stored, study=present.study, timezone=present.timezone)
    _check_study(renamed, present, places)
    _check_keys(stored, present, places, has_people(store))
    _record(store, replace(renamed, namespace=present.namespace), stored, program)


def _identity(row: Mapping[str, Any]) -> Identity:
    return Identity(
        row["study"],
        row["namespace"],
        row["timezone"],
        tuple(row["keys"]),
        bool(row["unverified"]),
    )


def _record(
    store: Store, present: Identity, stored: Identity | None, program: str
) -> datetime:
    """Write down whose the warehouse is; returns the instant."""
    keys_are_new = present.keys and not (stored and stored.keys)
    unverified = present.unverified or bool(keys_are_new and has_people(store))
    row = {
        "study": present.study,
        "namespace": present.namespace,
        "timezone": present.timezone,
        "keys": list(present.keys),
        "unverified": int(unverified),
        "format": statement_names("migrations")[-1],
        "program": program,
        "recorded_at": (at := store.now()),
    }
    store.insert("identity", pa.Table.from_pylist([row], schema=_ROW))
    return at


def _check_study(stored: Identity, present: Identity, places: Places) -> None:
    for what, past, now, remedy in (
        ("study", stored.study, present.study, _RENAMED),
        ("time zone", stored.timezone, present.timezone, _RENAMED),
        ("namespace", stored.namespace, present.namespace, _OTHER_NAMESPACE),
    ):
        if past and past != now:
            raise FileError(
                places.study_file,
                "",
                f"{what} '{now}', but the warehouse is of {what} '{past}'; "
                f"{remedy.format(setting=places.warehouse_setting)}",
            )


_RENAMED = (
    "change it back, name another warehouse in {setting}, or, if it is the same study "
    "with another name or zone, run 'panelstream identity --adopt'"
)
_OTHER_NAMESPACE = (
    "participant ids depend on it: change the catalogue back, or name another warehouse "
    "in {setting}"
)


def _check_keys(
    stored: Identity, present: Identity, places: Places, people: bool
) -> None:
    known, own = stored.keys, present.keys
    if not known or not own or known == own:
        return
    if own[: len(known)] == known:
        if not people:
            return
        problem = (
            f"has {len(own)} keys, but the people in the warehouse have ids of the first "
            f"{len(known)}, and would be counted twice; take the new lines away, or "
            f"import everything into a new warehouse"
        )
    elif known[: len(own)] == own:
        problem = (
            f"has {len(own)} of the {len(known)} keys of the warehouse; restore the file "
            f"from its backup"
        )
    else:
        problem = (
            f"not the key of this warehouse (fingerprint {_show(own)}; the warehouse's: "
            f"{_show(known)}): everybody would be counted twice; restore the key from its "
            f"backup, or name its file in PANELSTREAM_PSEUDONYM_KEY_FILE"
        )
    raise FileError(places.key_file, "", problem)


def _show(fingerprints: Sequence[str]) -> str:
    return " ".join(fingerprints)


def _identity_of_study_file(store: Store) -> Identity | None:
    rows = store.query("newest_study_version").to_pylist()
    if not rows:
        return None
    document: Mapping[str, Any] = yaml.safe_load(rows[0]["text"])
    return Identity(
        str(document.get("study", "")), "", str(document.get("timezone", ""))
    )
