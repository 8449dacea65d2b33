"""A warehouse from before imports were readings: what held still does, once.

Imports then added the sheets that were new or had changed, under the id of the response
as the survey tool gives it; the newest statement held.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
import pyarrow as pa
import pytest

from panelstream.flows import survey_imports
from panelstream.flows.workspace import Workspace
from panelstream.ingest.pseudonymise import SEPARATOR
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.definitions import apply_migrations
from panelstream.models.warehouse.statements import SQL
from panelstream.models.warehouse.store import Store
from tests.lib import studies
from tests.lib.studies import HandClock

BEFORE_READINGS = [
    path for path in sorted(SQL.glob("migrations/*.sql")) if path.stem < "027"
]
AT = datetime(2027, 1, 12, 3, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST_DAY = datetime(2029, 1, 1, tzinfo=UTC)
"""On the n-th day from here the n-th import was recorded."""
WAVES = [
    {"wave": 1, "opens_on": date(2027, 1, 11), "closes_on": date(2027, 1, 17)},
    {"wave": 2, "opens_on": date(2027, 2, 8), "closes_on": date(2027, 2, 14)},
]
PEOPLE = ("aki", "ben", "chie", "dai")
HEADER = "platform_id,submitted_at,calm,awake"
WAVE_1 = (
    "aki,2027-01-12T12:00:00+09:00,9,4",
    "ben,2027-01-13T12:00:00+09:00,5,6",
    "dai,2027-01-14T12:00:00+09:00,1,1",
)
WAVE_2 = ("chie,2027-02-09T12:00:00+09:00,7,", "aki,2027-02-10T12:00:00+09:00,2,2")
EXPECTED = {
    ("aki", 1, "calm"): "9",
    ("aki", 1, "awake"): "4",
    ("ben", 1, "calm"): "5",
    ("ben", 1, "awake"): "6",
    ("dai", 1, "calm"): "1",
    ("dai", 1, "awake"): "1",
    ("chie", 2, "calm"): "7",
    ("chie", 2, "awake"): "",
    ("aki", 2, "calm"): "2",
    ("aki", 2, "awake"): "2",
}


@pytest.fixture
def earlier(engine: str) -> Iterator[Store]:
    """A warehouse of which the migrations end where imports became readings."""
    client = clickhouse_connect.get_client(dsn=engine, tz_mode="aware")
    client.command("CREATE DATABASE earlier")
    own = clickhouse_connect.get_client(dsn=engine, tz_mode="aware", database="earlier")
    for path in BEFORE_READINGS:
        own.command(path.read_text())
    times = pa.array([AT] * len(BEFORE_READINGS), pa.timestamp("us", "UTC"))
    names = [path.stem for path in BEFORE_READINGS]
    own.insert_arrow("migrations", pa.table({"name": names, "applied_at": times}))
    yield Store(own, HandClock())
    own.close()
    client.command("DROP DATABASE earlier")
    client.close()


@pytest.fixture
def study(earlier: Store, tmp_path: Path) -> Workspace:
    """A study on it, in which imports were made, corrected and retracted.

    1: wave 1, of which `dai` has no import, as that was before there were any. 2: `aki`
    answered otherwise. 3: wave 2 as wave 1, by mistake; 4: as wave 2. 5: `ben`
    otherwise, retracted. 6: the first again, with nothing new.
    """
    folder = studies.write(
        tmp_path / "study", studies.with_base(waves=WAVES, enrolment="activity")
    )
    study = studies.open_in(folder, earlier, HandClock())
    february = AT + 28 * DAY
    _store(study, 0, "", [("dai", 1, AT + 2 * DAY, "1", "1", "")])
    _import(
        study,
        1,
        "wave1.csv",
        [("aki", 1, AT, "3", "4", ""), ("ben", 1, AT + DAY, "5", "6", "")],
    )
    _import(study, 2, "wave1.csv", [("aki", 1, AT, "9", "4", "")])
    for number, wave in ((3, 1), (4, 2)):
        responses = [
            ("chie", wave, february, "7", "", "R_1"),
            ("aki", wave, february + DAY, "2", "2", "R_2"),
        ]
        _import(study, number, "wave2.csv", responses)
    _import(study, 5, "wave1.csv", [("ben", 1, AT + DAY, "0", "0", "")])
    _insert(
        study, "import_retractions", [{"import_id": "i5", "recorded_at": _on(5) + HOUR}]
    )
    _import(study, 6, "wave1.csv", [])
    apply_migrations(earlier)
    return study


def test_what_held_still_holds(study: Workspace) -> None:
    """Each answer once, the newest, in its last wave, but for what was retracted."""
    assert _held(study) == EXPECTED


def test_the_same_files_again(study: Workspace, tmp_path: Path) -> None:
    """Their imports are of the same forms, and what is the same is unchanged.

    The one of wave 2 has ids, which are of its own form now.
    """
    ids = [f"{row},R_{number}" for number, row in enumerate(WAVE_2, start=1)]
    counts = [
        _bring(study, tmp_path / "wave1.csv", [HEADER, *WAVE_1], 1, ""),
        _bring(study, tmp_path / "wave2.csv", [f"{HEADER},id", *ids], 2, "id"),
    ]
    assert counts == [{"new": 1, "unchanged": 2}, {"unchanged": 2}]
    assert _held(study) == EXPECTED


def test_a_newer_export(study: Workspace, tmp_path: Path) -> None:
    """It takes the place of all that its file had brought."""
    rows = [WAVE_1[0].replace(",9,", ",8,")]
    counts = _bring(study, tmp_path / "wave1.csv", [HEADER, *rows], 1, "")
    assert counts == {"revised": 1, "gone": 1}
    left = {key: answer for key, answer in EXPECTED.items() if key[0] != "ben"}
    assert _held(study) == left | {("aki", 1, "calm"): "8"}


def _bring(
    study: Workspace, path: Path, lines: list[str], wave: int, response_id: str
) -> dict[str, int]:
    """Import a file; returns the counts of what it changes."""
    path.write_text("\n".join(lines) + "\n")
    mapping = path.with_suffix(".mapping.yaml")
    mapping.write_text(f"response_id: {response_id}\n" if response_id else "{}\n")
    changes = survey_imports.import_responses(study, path, wave).revision.changes
    return {change: number for change, number in changes.items() if number}


def _held(study: Workspace) -> dict[tuple[str, int, str], str]:
    """The answers that hold, each once, by person, wave and item."""
    names = {study.pseudonyms.participant_id(who).hex(): who for who in PEOPLE}
    rows = study.store.query("answers", as_of=LATEST).to_pylist()
    keys = [(names[r["participant_id"]], r["wave"], r["item"]) for r in rows]
    assert len(set(keys)) == len(keys)
    return {key: row["answer"] for key, row in zip(keys, rows, strict=True)}


def _import(
    study: Workspace,
    number: int,
    origin: str,
    responses: list[tuple[str, int, datetime, str, str, str]],
) -> None:
    """An import as it was stored: its line in the ledger, and the sheets that it added."""
    wave = responses[0][1] if responses else 1
    ledger_row = {
        "import_id": f"i{number}",
        "origin": origin,
        "sha256": f"{number:064}",
        "format": "plain",
        "wave": wave,
        "recorded_at": _on(number),
    }
    _insert(study, "imports", [ledger_row])
    _store(study, number, f"i{number}", responses)


def _store(
    study: Workspace,
    number: int,
    import_id: str,
    responses: list[tuple[str, int, datetime, str, str, str]],
) -> None:
    rows = [
        {
            "participant_id": study.pseudonyms.participant_id(who),
            "response": _stored_id(study, response),
            "wave": wave,
            "responded_at": at,
            "instrument": "mood",
            "item": item,
            "answer": answer,
            "origin": "file.csv",
            "import_id": import_id,
            "recorded_at": _on(number),
        }
        for who, wave, at, calm, awake, response in responses
        for item, answer in (("calm", calm), ("awake", awake))
    ]
    _insert(study, "responses", rows)


def _stored_id(study: Workspace, response: str) -> str:
    """The keyed hash of a tool's id, as imports of then stored it."""
    text = f"response{SEPARATOR.decode()}{response}"
    return study.pseudonyms.participant_id(text).hex() if response else ""


def _insert(study: Workspace, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        names = list(rows[0])
        data = [[row[name] for name in names] for row in rows]
        study.store._client.insert(table, data, column_names=names)


def _on(number: int) -> datetime:
    return FIRST_DAY + number * DAY
