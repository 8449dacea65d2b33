"""Whose warehouse it is: written with the first rows, compared at every opening."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from panelstream.flows import new_study
from panelstream.flows.cli import app
from panelstream.flows.workspace import open_workspace
from panelstream.ingest.pseudonymise import read_keys
from panelstream.models.errors import FileError, SettingError
from panelstream.models.settings.environment import Settings
from panelstream.models.warehouse import identity
from panelstream.models.warehouse.identity import Identity, read_identity
from panelstream.models.warehouse.store import Store
from panelstream.models.warehouse.study_records import record_study_version
from tests.lib import studies

ROSTER = "platform_id,enrolled_on\nann,2026-01-05\n"
KEY, LATER = "11" * 32, "22" * 32


def fingerprint(key: str) -> str:
    """By hand: the first 8 hex digits of the hash of a label and the key."""
    text = b"panelstream fingerprint" + bytes.fromhex(key)
    return hashlib.sha256(text).hexdigest()[:8]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The base study with the key `KEY`."""
    folder = studies.write(tmp_path / "study", studies.BASE)
    write_chain(folder, KEY)
    return folder


def write_chain(folder: Path, *keys: str) -> None:
    """Write a key file."""
    file = folder / "pseudonym.key"
    file.write_text("".join(f"{key}\n" for key in keys), encoding="ascii")
    file.chmod(0o600)


def change(folder: Path, old: str, new: str) -> None:
    """Replace text of the study file."""
    file = folder / "study.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def settings(folder: Path, warehouse: str) -> Settings:
    """The study on the warehouse of the test."""
    return Settings.from_environ({"PANELSTREAM_WAREHOUSE": warehouse}, folder)


def store_people(folder: Path, warehouse: str) -> None:
    """One person on the roster, as the command imports it."""
    (folder / "roster.csv").write_text(ROSTER, encoding="utf-8")
    run(folder, warehouse, "roster", str(folder / "roster.csv"))


def run(folder: Path, warehouse: str, *words: str, code: int = 0) -> str:
    """A command on the study; what it prints."""
    env = {"PANELSTREAM_WAREHOUSE": warehouse}
    done = CliRunner().invoke(app, [*words, "--study", str(folder)], env=env)
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def refusal(folder: Path, warehouse: str) -> str:
    """The one line with which an opening is refused."""
    with (
        pytest.raises(FileError) as caught,
        open_workspace(settings(folder, warehouse)),
    ):
        pass
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_opening_writes_nothing_and_the_first_rows_say_whose_they_are(
    study: Path, warehouse: str, store: Store
) -> None:
    """Nobody's until something is stored; then study, namespace, zone and key."""
    run(study, warehouse, "identity")
    assert read_identity(store) is None
    store_people(study, warehouse)
    assert read_identity(store) == Identity(
        "tiny", "u2plus", "Asia/Tokyo", (fingerprint(KEY),)
    )
    assert fingerprint(KEY) in run(study, warehouse, "identity")
    store_people(study, warehouse)
    assert store.select("select count() as n from identity").to_pylist() == [{"n": 1}]


def test_another_key_is_refused(study: Path, warehouse: str) -> None:
    """The line names both fingerprints and the backup, and no key."""
    store_people(study, warehouse)
    write_chain(study, LATER)
    line = refusal(study, warehouse)
    assert "pseudonym.key: not the key of this warehouse" in line
    assert fingerprint(KEY) in line
    assert fingerprint(LATER) in line
    assert "restore the key from its backup" in line
    assert KEY not in line
    assert LATER not in line


def test_a_longer_chain_counts_nobody_twice(
    study: Path, warehouse: str, store: Store
) -> None:
    """It is refused where there are people, and added where there are none yet."""
    with open_workspace(settings(study, warehouse)) as opened:
        record_study_version(opened.store, "v1", "study: tiny\ntimezone: Asia/Tokyo\n")
    write_chain(study, KEY, LATER)
    store_people(study, warehouse)
    stored = read_identity(store)
    assert stored
    assert stored.keys == (fingerprint(KEY), fingerprint(LATER))
    write_chain(study, KEY, LATER, "33" * 32)
    assert "would be counted twice" in refusal(study, warehouse)
    write_chain(study, KEY)
    assert "has 1 of the 2 keys" in refusal(study, warehouse)


def roster_row(name: bytes) -> pa.Table:
    """A row of the roster about somebody."""
    return pa.table({"participant_id": pa.array([name * 16], pa.binary(16))})


def test_two_keys_that_opened_an_empty_warehouse(
    study: Path, warehouse: str, store: Store
) -> None:
    """The first one to store keeps it; of the second nothing is stored, and it is told."""
    with open_workspace(settings(study, warehouse)) as first:
        write_chain(study, LATER)
        with open_workspace(settings(study, warehouse)) as second:
            first.store.insert("roster", roster_row(b"a"))
            for _ in range(2):
                with pytest.raises(FileError, match="not the key of this warehouse"):
                    second.store.insert("roster", roster_row(b"b"))
        first.store.insert("roster", roster_row(b"c"))
    assert store.select("select count() as n from roster").to_pylist() == [{"n": 2}]
    stored = read_identity(store)
    assert stored
    assert stored.keys == (fingerprint(KEY),)
    write_chain(study, KEY)
    with open_workspace(settings(study, warehouse)):
        pass


@pytest.mark.parametrize("seconds", [-60, 60])
def test_another_study_that_is_written_down_at_the_same_moment(
    study: Path,
    warehouse: str,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
) -> None:
    """Its row comes between our look and our row: what we wrote down is taken back.

    That it has a later instant does not matter, if it stays: it did not see ours.
    """
    monkeypatch.setattr(identity, "_CLAIM_SECONDS", 0.0)
    with open_workspace(settings(study, warehouse)) as opened:
        insert = opened.store.insert

        def insert_after_another(table: str, rows: pa.Table) -> None:
            if table == "identity":
                at = rows["recorded_at"][0].as_py() + timedelta(seconds=seconds)
                changes = {"study": ["other"], "recorded_at": [at]}
                insert(table, rows.from_pydict({**rows.to_pydict(), **changes}))
            insert(table, rows)

        monkeypatch.setattr(opened.store, "insert", insert_after_another)
        with pytest.raises(FileError, match="the warehouse is of study 'other'"):
            insert("roster", roster_row(b"a"))
    assert store.query("identity")["study"].to_pylist() == ["other"]
    assert not store.select("select 1 from roster").num_rows


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("study: tiny", "study: other", "study 'other', but the warehouse is of study"),
        ("Asia/Tokyo", "Europe/Berlin", "time zone 'Europe/Berlin'"),
    ],
)
def test_another_study_or_zone_is_refused_until_it_is_adopted(
    study: Path, warehouse: str, old: str, new: str, what: str
) -> None:
    """The remedy of the message works, once it is the same study with another name."""
    store_people(study, warehouse)
    change(study, old, new)
    line = refusal(study, warehouse)
    assert what in line
    assert "panelstream identity --adopt" in line
    assert new.rpartition(" ")[2] in run(study, warehouse, "identity", "--adopt")
    with open_workspace(settings(study, warehouse)):
        pass


def test_adopting_does_not_help_with_another_key(study: Path, warehouse: str) -> None:
    """Keys cannot be taken over: the people would be counted twice."""
    store_people(study, warehouse)
    write_chain(study, LATER)
    assert run(study, warehouse, "identity", "--adopt", code=1) == ""
    with (
        pytest.raises(FileError, match="not the key"),
        open_workspace(settings(study, warehouse), adopt=True),
    ):
        pass


def test_a_warehouse_from_before_identities(
    study: Path, warehouse: str, store: Store
) -> None:
    """Its last study file says which study it is; its key is noted as not verified."""
    store_people(study, warehouse)
    store._client.command("TRUNCATE TABLE identity")
    record_study_version(store, "v1", "study: tiny\ntimezone: Europe/Berlin\n")
    assert "time zone 'Asia/Tokyo', but the warehouse is of" in refusal(
        study, warehouse
    )
    store._client.command("TRUNCATE TABLE study_versions")
    store_people(study, warehouse)
    with open_workspace(settings(study, warehouse)) as opened:
        record_study_version(opened.store, "v2", "study: tiny\ntimezone: Asia/Tokyo\n")
    stored = read_identity(store)
    assert stored
    assert stored.unverified
    assert "not verified" in run(study, warehouse, "identity")
    write_chain(study, LATER)
    assert "not the key of this warehouse" in refusal(study, warehouse)


def test_a_newer_program_wrote_it(study: Path, warehouse: str, store: Store) -> None:
    """A migration that this program does not have: update it, in one line."""
    store._client.command("INSERT INTO migrations VALUES ('999_later', now64(6))")
    try:
        with (
            pytest.raises(SettingError, match="newer panelstream"),
            open_workspace(settings(study, warehouse)),
        ):
            pass
    finally:
        store._client.command("DELETE FROM migrations WHERE name = '999_later'")


def test_no_new_key_beside_people(study: Path, warehouse: str) -> None:
    """`init` makes a missing key only where nobody is stored; no message advises it."""
    store_people(study, warehouse)
    (study / "pseudonym.key").unlink()
    with pytest.raises(FileError, match="restore the key from its backup"):
        new_study.create_study(settings(study, warehouse))
    assert not (study / "pseudonym.key").exists()
    with pytest.raises(FileError, match="restore it from its backup"):
        read_keys(study / "pseudonym.key")


def test_a_new_key_where_nobody_is_stored(study: Path, warehouse: str) -> None:
    """A warehouse without people is no reason to refuse one."""
    (study / "pseudonym.key").unlink()
    assert new_study.create_study(settings(study, warehouse))[-1] == "pseudonym.key"
    assert len(read_keys(study / "pseudonym.key")) == 1
