"""What an import changes: a reading replaces the one before, as of its time."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from panelstream.flows import imports, survey_imports
from panelstream.flows.survey_imports import WaveImport
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError, UsageError
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.settling import newest_instant
from tests.lib import studies
from tests.lib.studies import HandClock

Make = Callable[..., Workspace]
HEADER = "platform_id,submitted_at,calm,awake"
AKI = "aki,2027-01-12T12:00:00+09:00,3,4"
BEN = "ben,2027-01-13T12:00:00+09:00,5,6"
AT = datetime(2027, 1, 12, 3, tzinfo=UTC)
WAVES = [
    {"wave": 1, "opens_on": AT.date(), "closes_on": AT.date() + timedelta(days=5)},
    {
        "wave": 2,
        "opens_on": AT.date() + timedelta(days=30),
        "closes_on": AT.date() + timedelta(days=35),
    },
]
Said = Mapping[tuple[str, int, str], str]


@pytest.fixture
def study(workspace: Make) -> Workspace:
    """A study of two waves."""
    return workspace(waves=WAVES)


@pytest.fixture
def bring(
    study: Workspace, tmp_path: Path, clock: HandClock
) -> Callable[..., WaveImport]:
    """Import rows as one file, an hour after the one before."""

    def brought(
        *rows: str, wave: int | None = 1, header: str = HEADER, mapping: str = ""
    ) -> WaveImport:
        clock.now += timedelta(hours=1)
        (tmp_path / "export.csv").write_text("\n".join([header, *rows]) + "\n")
        (tmp_path / "map.yaml").write_text(mapping or "person: platform_id\n")
        path = tmp_path / "export.csv"
        return survey_imports.import_responses(study, path, wave, tmp_path / "map.yaml")

    return brought


def held(study: Workspace, as_of: datetime = LATEST) -> Said:
    """The answers that hold, by person, wave and item."""
    rows = study.store.query("answers", as_of=as_of).to_pylist()
    names = {study.pseudonyms.participant_id(who).hex(): who for who in ("aki", "ben")}
    return {
        (names[row["participant_id"]], row["wave"], row["item"]): row["answer"]
        for row in rows
    }


def news(found: WaveImport) -> tuple[int, ...]:
    """Responses new, revised, moved, unchanged and gone, in the order of `Change`."""
    counts = found.revision.changes
    return tuple(counts.values())


def stored(study: Workspace) -> int:
    """Rows of the table of answers, whatever holds."""
    return len(study.store._client.query("SELECT * FROM responses").result_rows)


def test_the_same_or_a_longer_export_adds_what_is_new(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """Importing again stores nothing and does not move the newest instant."""
    assert news(bring(AKI)) == (1, 0, 0, 0, 0)
    newest = newest_instant(study.store)
    assert news(bring(AKI)) == (0, 0, 0, 1, 0)
    assert (newest_instant(study.store), stored(study)) == (newest, 2)
    assert news(bring(BEN, AKI)) == (1, 0, 0, 1, 0)
    assert stored(study) == 4
    assert held(study)["ben", 1, "calm"] == "5"


def test_an_answer_that_goes_there_and_back(
    study: Workspace, bring: Callable[..., WaveImport], clock: HandClock
) -> None:
    """Edited and edited back: each holds from its import on, the earlier before."""
    seen = []
    for calm in (3, 9, 3):
        result = bring(AKI.replace(",3,", f",{calm},"))
        seen.append(clock.now + timedelta(minutes=1))
    assert news(result) == (0, 1, 0, 0, 0)
    values = [held(study, at)["aki", 1, "calm"] for at in seen]
    assert values == ["3", "9", "3"]
    assert held(study, studies.START) == {}


def test_under_another_wave_it_moves(
    study: Workspace, bring: Callable[..., WaveImport], clock: HandClock
) -> None:
    """A wrong --wave is corrected by importing again; before, it was as it was said."""
    aki, ben = (row.replace("-01-", "-02-") for row in (AKI, BEN))
    bring(aki)
    before = clock.now + timedelta(minutes=1)
    result = bring(aki, ben, wave=2)
    assert news(result) == (1, 0, 1, 0, 0)
    assert any("1 response moved" in entry.problem for entry in result.questions)
    assert {wave for _, wave, _ in held(study)} == {2}
    assert {wave for _, wave, _ in held(study, before)} == {1}


def test_a_form_for_all_waves_does_not_take_the_first_along(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """What was sent while its wave was open stays there; the mapping has a rule for it."""
    second = BEN.replace("-01-13", "-02-13")
    bring(AKI, second)
    with pytest.raises(FileError, match="waves: day"):
        bring(AKI, second, wave=2)
    assert {wave for _, wave, _ in held(study)} == {1}
    result = bring(AKI, second, wave=None, mapping="waves: day\n")
    assert news(result) == (0, 0, 1, 1, 0)
    assert {(who, wave) for who, wave, _ in held(study)} == {("aki", 1), ("ben", 2)}


def test_an_import_is_taken_back(
    study: Workspace, bring: Callable[..., WaveImport], clock: HandClock
) -> None:
    """What it said no longer holds, what was said before holds again; not before then."""
    bring(AKI)
    wrong = bring(AKI.replace(",3,", ",9,"), BEN)
    before = clock.now + timedelta(minutes=1)
    clock.now += timedelta(hours=1)
    assert survey_imports.retract_wave_import(study, wrong.import_id) == 2
    assert held(study) == {("aki", 1, "calm"): "3", ("aki", 1, "awake"): "4"}
    assert held(study, before)["aki", 1, "calm"] == "9"
    assert news(bring(AKI, BEN)) == (1, 0, 0, 1, 0)
    with pytest.raises(UsageError, match="no import nothing"):
        survey_imports.retract_wave_import(study, "nothing")


def test_a_response_is_known_by_its_own_id(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """Sent in again at another time, it is the same response; its id is not stored."""
    header, mapping = f"{HEADER},tool_id", "response_id: tool_id\n"
    bring(f"{AKI},canary-77", header=header, mapping=mapping)
    later = AKI.replace("12T", "14T").replace(",3,", ",8,")
    result = bring(f"{later},canary-77", header=header, mapping=mapping)
    assert news(result) == (0, 1, 0, 0, 0)
    assert held(study) == {("aki", 1, "calm"): "8", ("aki", 1, "awake"): "4"}
    rows = study.store._client.query("SELECT * FROM responses").result_rows
    assert "canary" not in str(rows)


def test_two_rows_of_one_response_are_not_mixed(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """The second is set apart, also where only the second's fraction differs."""
    again = AKI.replace(":00+", ":00.5+").replace(",3,", ",8,")
    result = bring(AKI, again)
    assert [(entry.row, entry.column) for entry in result.imported.set_apart] == [
        (3, "row")
    ]
    assert held(study)["aki", 1, "calm"] == "3"


def test_what_was_given_after_a_withdrawal_is_not_stored(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """It is counted; what was given before stays."""
    left = studies.event("consent_withdrawn", "aki", AT + timedelta(days=1))
    studies.send(study, [left])
    result = bring(AKI, AKI.replace("12T", "14T"), BEN)
    assert (result.revision.refused, news(result)) == (1, (2, 0, 0, 0, 0))
    assert stored(study) == 4


def response(who: str, answers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The same as an event."""
    data = {"instrument": "mood", "wave": 1, "answers": answers}
    return studies.event("response_submitted", who, AT, data=data, **more)


def test_the_same_answer_by_file_and_by_event_counts_once(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """Whichever came first."""
    studies.send(study, [response("aki", {"calm": 3, "awake": "4"})])
    assert held(study) == {("aki", 1, "calm"): "3", ("aki", 1, "awake"): "4"}
    bring(AKI, BEN)
    studies.send(study, [response("aki", {"calm": 3, "awake": 4}, id="another")])
    rows = study.store.query("answers", as_of=LATEST)
    assert (rows.num_rows, held(study)["aki", 1, "calm"]) == (4, "3")


def test_two_roads_that_know_a_response_otherwise(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """A tool's id and a person's second are one response; the later statement holds."""
    header, mapping = f"{HEADER},tool_id", "response_id: tool_id\n"
    for calm, first in ((9, "file"), (2, "event")):
        studies.empty(study.store)
        told: list[Callable[[], object]] = [
            lambda: bring(f"{AKI},R_1", header=header, mapping=mapping),
            partial(studies.send, study, [response("aki", {"calm": calm})]),
        ]
        for tell in told if first == "file" else told[::-1]:
            tell()
        later = "9" if first == "file" else "3"
        assert held(study)["aki", 1, "calm"] == later
        assert holding(study) == 2


def holding(study: Workspace) -> int:
    """Answers that hold."""
    return int(study.store.query("answers", as_of=LATEST).num_rows)


def test_an_event_sent_again_does_not_undo_a_revision(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """The event counts from its first time on; a corrected file came later."""
    said = response("aki", {"calm": 3, "awake": None})
    studies.send(study, [said])
    bring(AKI.replace(",3,", ",9,"))
    studies.send(study, [said])
    assert held(study) == {("aki", 1, "calm"): "9", ("aki", 1, "awake"): "4"}


def test_events_meet_the_checks_of_files(study: Workspace) -> None:
    """Out of range, another item, another wave: dead letters without a value."""
    wrong = [
        response("aki", {"calm": 77}, id="range"),
        response("aki", {"phq9_1": 1}, id="item"),
        {**response("aki", {"calm": 3}, id="wave"), "data": {"instrument": "mood"}},
    ]
    counts = studies.send(study, wrong)
    assert counts.reasons == {"invalid_data": 3}
    fields = [rejection.field for rejection in counts.rejections]
    assert fields == ["data.answers", "data.answers", "data.wave"]
    assert held(study) == {}


def test_the_ledger_has_every_import(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """Also one without anything new: file, format, hashes, wave and counts."""
    first, again = bring(AKI, "ben,2027-01-12,77,1"), bring(AKI)
    rows = study.store.query("imports").to_pylist()
    assert [row["import_id"] for row in rows] == [again.import_id, first.import_id]
    names = ("origin", "format", "wave", "responses", "added", "set_apart")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("export.csv", "plain", 1, 1, 0, 0),
        ("export.csv", "plain", 1, 2, 2, 1),
    ]
    kept = study.store._client.query("SELECT sha256, mapping FROM imports").result_rows
    assert all(len(sha256) == len(mapping) == 64 for sha256, mapping in kept)


CONSENTING = """
columns: {I agree: consent}
labels:
  - {items: [consent], codes: {同意します: "yes", 同意しません: "no"}}
consent: {version: 2, scopes: [survey, telemetry]}
"""


def test_an_item_of_a_survey_gives_consent(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """A yes or a no is a statement at the time of the answer; an edit replaces it."""
    header = f"{HEADER},I agree"
    bring(f"{AKI},同意します", f"{BEN},同意しません", header=header, mapping=CONSENTING)
    rows = study.store.query("consents", as_of=LATEST).to_pylist()
    levels = {row["participant_id"]: row["level"] for row in rows}
    aki, ben = (study.pseudonyms.participant_id(name).hex() for name in ("aki", "ben"))
    assert levels == {aki: "", ben: "declined"}
    [row] = [row for row in rows if row["participant_id"] == aki]
    assert row == {
        "participant_id": aki,
        "stated_at": AT,
        "level": "",
        "version": 2,
        "scopes": ["survey", "telemetry"],
    }
    bring(f"{AKI},同意しません", f"{BEN},", header=header, mapping=CONSENTING)
    again = study.store.query("consents", as_of=LATEST).to_pylist()
    assert row | {"level": "declined"} in again
    assert row not in again


def test_rows_of_people_who_are_not_enrolled_are_named(
    study: Workspace, bring: Callable[..., WaveImport], tmp_path: Path
) -> None:
    """So that a mistyped id can be found; the answers wait for the roster."""
    (tmp_path / "roster.csv").write_text("platform_id,enrolled_on\naki,2027-01-01\n")
    imports.import_roster(study, tmp_path / "roster.csv")
    result = bring(AKI, BEN, AKI.replace("aki", "A-KI"))
    assert result.comparison.not_enrolled == (3, 4)
    asked = {entry.place: entry.problem for entry in result.questions}
    assert "differs only by case" in asked["row 4"]
    assert "1 response of people who are not enrolled" in asked["row 3"]
    assert result.imported.responses == 3


YES_OR_NO = """
columns: {I agree: consent}
labels:
  - {items: [consent], codes: {同意します: yes, 同意しません: no}}
consent: {version: 2, scopes: [survey, telemetry]}
"""


@pytest.mark.parametrize(
    ("mapping", "word"),
    [
        (YES_OR_NO, "同意します"),
        (YES_OR_NO.replace("labels", "#").replace("  - ", "# "), "はい"),
    ],
)
def test_who_withdrew_comes_back_by_an_item(
    study: Workspace, bring: Callable[..., WaveImport], mapping: str, word: str
) -> None:
    """A yes ends the withdrawal from its day on, so the response that says it is taken.

    A yes needs no quotes in the mapping, and はい is known without one.
    """
    left = studies.event("consent_withdrawn", "aki", AT - timedelta(days=2))
    studies.send(study, [left])
    header, yesterday = f"{HEADER},I agree", AKI.replace("01-12", "01-11")
    refused = bring(f"{AKI},", header=header, mapping=mapping)
    assert refused.revision.refused == 1
    back = bring(f"{AKI},{word}", f"{yesterday},", header=header, mapping=mapping)
    assert (back.revision.refused, news(back)) == (1, (1, 0, 0, 0, 0))
    assert held(study)["aki", 1, "calm"] == "3"
    later = AKI.replace("01-12", "01-13")
    assert bring(later).revision.refused == 0


REDCAP = "record_id,platform_id,mood_timestamp,calm,awake,mood_complete"


def test_projects_of_one_wave_each_may_number_people_alike(
    study: Workspace, bring: Callable[..., WaveImport]
) -> None:
    """Record 1 of the second project is no correction of record 1 of the first."""
    bring("1,aki,2027-01-12 12:00:00,3,4,2", header=REDCAP)
    second = bring("1,aki,2027-02-12 12:00:00,5,6,2", header=REDCAP, wave=2)
    assert news(second) == (1, 0, 0, 0, 0)
    assert held(study) == {
        ("aki", 1, "calm"): "3",
        ("aki", 1, "awake"): "4",
        ("aki", 2, "calm"): "5",
        ("aki", 2, "awake"): "6",
    }


@pytest.mark.parametrize("first", ["file", "event"])
def test_an_event_does_not_unsay_that_a_form_was_sent_in(
    study: Workspace, bring: Callable[..., WaveImport], first: str
) -> None:
    """Forms say that it was, events do not; which of them comes first tells nothing."""
    data = {"instrument": "mood", "wave": 1, "answers": {"calm": 3, "awake": None}}
    event = studies.event("response_submitted", "aki", AT, data=data)

    def form() -> tuple[int, ...]:
        header = "Timestamp,platform_id,calm,awake"
        return news(bring("2027/01/12 12:00:00,aki,3,", header=header))

    if first == "file":
        form()
        studies.send(study, [event])
        assert form() == (0, 0, 0, 1, 0)
    else:
        studies.send(study, [event])
        form()
    rows = study.store.query("answers", as_of=LATEST).to_pylist()
    sent_in = {row["item"]: row["finished"] for row in rows}
    assert sent_in == {"calm": True, "awake": True}


def test_two_halves_of_a_questionnaire_are_two_forms(
    study: Workspace, tmp_path: Path
) -> None:
    """People answer both at once; the second does not take the place of the first."""
    for name, item in (("a", "calm"), ("b", "awake")):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"platform_id,submitted_at,{item}\naki,2027-01-12 12:00,3\n")
        survey_imports.import_responses(study, path, 1)
    assert held(study) == {("aki", 1, "calm"): "3", ("aki", 1, "awake"): "3"}
