"""A roster file becomes statements about people; what was known is not said again."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from panelstream.flows import imports
from panelstream.flows.workspace import Workspace
from panelstream.ingest.roster.roster_file import (
    RosterConsent,
    RosterRules,
    read_roster,
)
from panelstream.models.errors import FileError
from panelstream.models.study.consent import consent_scopes
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.reads import read_similar_ids
from tests.lib.studies import HandClock

Make = Callable[..., Workspace]
HEADER = "platform_id,enrolled_on,consent_version,consent_scopes,consented_at,group\n"
MORE = "platform_id,enrolled_on,account,invited_waves\n"


def write(folder: Path, rows: str, header: str = HEADER) -> Path:
    """A roster file."""
    path = folder / "roster.csv"
    path.write_text(header + rows, encoding="utf-8")
    return path


def rules(workspace: Workspace) -> RosterRules:
    """What may stand in a roster of the study."""
    folder = workspace.folder
    scopes = consent_scopes(folder.study)
    return RosterRules(folder.catalogue, folder.study.zone, workspace.clock(), scopes)


def held(workspace: Workspace, who: str) -> dict[str, Any]:
    """What the roster says of somebody now."""
    participant = workspace.pseudonyms.participant_id(who).hex()
    rows: list[dict[str, Any]] = workspace.store.query(
        "roster", as_of=LATEST
    ).to_pylist()
    [row] = [row for row in rows if row["participant_id"] == participant]
    return row


def news(workspace: Workspace, path: Path) -> tuple[int, int, int]:
    """Import a roster: how many people are new, changed, unchanged."""
    result = imports.import_roster(workspace, path)
    return result.added, result.changed, result.unchanged


def test_row_says_who_since_when_and_agreed_to_what(
    tmp_path: Path, workspace: Make
) -> None:
    """A full row and a row without consent; days begin in the study's zone."""
    rows = (
        "a,2026-01-05,2,survey;telemetry,2026-01-06T10:00:00,young\nb,2026-01-07,,,,\n"
    )
    read = read_roster(write(tmp_path, rows), rules(workspace()))
    [first], [second] = read.rows["a"], read.rows["b"]
    assert first.enrolled_at == datetime(2026, 1, 4, 15, tzinfo=UTC)
    at = datetime(2026, 1, 6, 1, tzinfo=UTC)
    assert first.consent == RosterConsent(at, 2, ("survey", "telemetry"))
    assert (first.group, second.consent) == ("young", None)


def test_what_is_known_is_not_said_again(tmp_path: Path, workspace: Make) -> None:
    """A corrected row replaces the earlier one; going back to it is a change too."""
    study = workspace()
    was = "a,2026-01-05,1,survey,2026-01-05,\nb,2026-01-05,,,,\n"
    now = was.replace("a,2026-01-05,1", "a,2026-01-06,1")
    assert news(study, write(tmp_path, was)) == (2, 0, 0)
    assert news(study, write(tmp_path, was)) == (0, 0, 2)
    assert news(study, write(tmp_path, now)) == (0, 1, 1)
    assert held(study, "a")["enrolled_at"] == [datetime(2026, 1, 5, 15, tzinfo=UTC)]
    assert news(study, write(tmp_path, was)) == (0, 1, 1)
    assert held(study, "a")["enrolled_at"] == [datetime(2026, 1, 4, 15, tzinfo=UTC)]


def test_a_file_speaks_of_the_columns_that_it_has(
    tmp_path: Path, workspace: Make
) -> None:
    """Invitations in a file of their own leave enrolment, group and consent alone."""
    study = workspace()
    imports.import_roster(
        study, write(tmp_path, "a,2026-01-05,1,survey,2026-01-05,young\n")
    )
    invited = write(tmp_path, "a,1\nb,1\n", "platform_id,invited_waves\n")
    assert news(study, invited) == (1, 1, 0)
    imports.import_roster(
        study, write(tmp_path, "a,2026-01-05\n", "platform_id,enrolled_on\n")
    )
    result = held(study, "a")
    assert (result["cohort"], result["invited_waves"]) == (["young"], [1])
    assert result["consent_scopes"] == [["survey"]]
    assert held(study, "b")["enrolled_at"] == []


def test_rows_of_one_person_are_one_statement(tmp_path: Path, workspace: Make) -> None:
    """Two consents and two enrolments, in whatever order they stand."""
    study = workspace()
    rows = [
        "a,2026-06-05,2,survey,2026-06-05,late\n",
        "a,2026-01-05,1,survey,2026-01-05,early\n",
    ]
    assert news(study, write(tmp_path, "".join(rows))) == (1, 0, 0)
    assert news(study, write(tmp_path, "".join(rows[::-1]))) == (0, 0, 1)
    result = held(study, "a")
    assert (result["cohort"], result["consent_version"]) == (["early", "late"], [1, 2])


def test_accounts_and_invitations(tmp_path: Path, workspace: Make) -> None:
    """An account to leave out, and somebody invited who never enrolled."""
    study = workspace()
    path = write(tmp_path, "a,2026-01-05,test,\nb,,,1\n", MORE)
    assert news(study, path) == (2, 0, 0)
    assert held(study, "a")["account"] == "test"
    assert held(study, "b")["invited_waves"] == [1]


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (",2026-01-05,,,,\n", HEADER, "row 2, platform_id: is empty"),
        ("a,5 Jan,,,,\n", HEADER, "row 2, enrolled_on: not a day"),
        ("a,,,,,\n", HEADER, "row 2, enrolled_on: is empty"),
        ("a,2999-01-05,,,,\n", HEADER, "row 2, enrolled_on: lies in the future"),
        ("a,2026-01-05,one,x,2026-01-05,\n", HEADER, "row 2, consent_version"),
        ("a,2026-01-05,1,,2026-01-05,\n", HEADER, "row 2, consent_scopes"),
        ("a,2026-01-05,1,x,,\n", HEADER, "row 2, consented_at: is empty"),
        ("a,2026-01-05,1,x,soon,\n", HEADER, "row 2, consented_at: not a time"),
        ("a,2026-01-05,,,,Has Spaces\n", HEADER, "row 2, group: write a short name"),
        ("a,2026-01-05,boss,\n", MORE, "row 2, account: expected participant, test"),
        ("a,2026-01-05,,7\n", MORE, "row 2, invited_waves: the study has waves 1"),
        ("a,2026-01-05,,x\n", MORE, "row 2, invited_waves: write wave numbers"),
        ("a,2026-01-05,test,\na,2026-01-05,,\n", MORE, "row 3, account: row 2 says"),
        ("\u200b,2026-01-05,,,,\n", HEADER, "row 2, platform_id: is empty"),
        (
            "1.23457E+17,2026-01-05,,,,\n",
            HEADER,
            "row 2, platform_id: a spreadsheet has rounded this id",
        ),
        (
            "ａ,2026-01-05,test,\na ,2026-01-05,,\n",
            MORE,
            "row 3, account: row 2 says",
        ),
        ("a\n", "platform_id\n", "row 1: says nothing of people"),
        ("a,2026-01-05,x\n", "platform_id,enrolled_on,email\n", "column 3: not a col"),
        (
            ",2026-01-05,,,,\na,2026-01-05,,,,\nb,5 Jan,,,,\nc,6 Jan,,,,\n",
            HEADER,
            r"row 2, platform_id: is empty \(2 more to fix: "
            r"row 4, enrolled_on; row 5, enrolled_on\)",
        ),
    ],
)
def test_mistake_has_row_and_column(
    tmp_path: Path, workspace: Make, rows: str, header: str, message: str
) -> None:
    """The message says where and what of every row, and nothing is stored."""
    study = workspace()
    with pytest.raises(FileError, match=message):
        imports.import_roster(study, write(tmp_path, rows, header))
    assert study.store.query("roster", as_of=LATEST).num_rows == 0


def test_earlier_as_ofs_see_what_was_known(
    tmp_path: Path, workspace: Make, clock: HandClock
) -> None:
    """A correction holds from when it was recorded on."""
    study = workspace()
    for hour, day in enumerate(("2026-01-05", "2026-01-06", "2026-01-05")):
        clock.now = datetime(2030, 1, 1, hour, tzinfo=UTC)
        imports.import_roster(study, write(tmp_path, f"a,{day},,,,\n"))
    result = [
        study.store.query("roster", as_of=datetime(2030, 1, 1, hour, 30, tzinfo=UTC))
        .column("enrolled_at")
        .to_pylist()[0][0]
        .day
        for hour in range(3)
    ]
    assert result == [4, 5, 4]


def test_spellings_of_one_id_are_one_person(tmp_path: Path, workspace: Make) -> None:
    """Full width, a dash and outer blanks make nobody else, in whichever file."""
    study = workspace()
    assert news(study, write(tmp_path, "u-1,2026-01-05,,,,\n")) == (1, 0, 0)
    assert news(study, write(tmp_path, "ｕ－１ ,2026-01-05,,,,\n")) == (0, 0, 1)


def test_ids_that_look_alike_are_named(tmp_path: Path, workspace: Make) -> None:
    """By row, within the file and against earlier rosters; they stay two people."""
    study = workspace()
    rows = "canary-01,2026-01-05,,,,\nben,2026-01-05,,,,\nCanary1,2026-01-05,,,,\n"
    first = imports.import_roster(study, write(tmp_path, rows))
    assert [question.place for question in first.questions] == ["rows 2, 4"]
    later = imports.import_roster(study, write(tmp_path, "BEN,2026-01-05,,,,\n"))
    [question] = later.questions
    assert question.place == "row 2"
    assert "from an id of an earlier roster" in question.problem
    assert (first.added, later.added) == (3, 1)
    assert imports.import_roster(study, write(tmp_path, rows)).questions
    assert "anary" not in repr((first.questions, later.questions))


def test_people_who_are_known_get_a_similar_id(tmp_path: Path, workspace: Make) -> None:
    """Once for each person of a roster, whatever it says of them."""
    study = workspace()
    for rows in ("a,2026-01-05,,,,\n", "a,2026-01-06,,,,\nb,2026-01-06,,,,\n"):
        imports.import_roster(study, write(tmp_path, rows))
    stored = read_similar_ids(study.store)
    assert dict(zip(stored["participant_id"], stored["similar_id"], strict=True)) == {
        study.pseudonyms.participant_id(person).hex(): study.pseudonyms.similar_id(
            person
        ).hex()
        for person in ("a", "b")
    }


def test_agreed_are_those_who_agree_to_all_that_is_required(
    tmp_path: Path, workspace: Make
) -> None:
    """Scopes of one version add up, a newer version replaces the older one."""
    study = workspace(consent={"required": ["survey", "telemetry"], "scopes": ["mail"]})
    rows = [
        "all,2026-01-05,1,survey;telemetry;mail,2026-01-05,\n",
        "some,2026-01-05,1,survey;mail,2026-01-05,\n",
        "step,2026-01-05,1,survey,2026-01-05,\nstep,2026-01-05,1,telemetry,2026-01-06,\n",
        "less,2026-01-05,1,survey;telemetry,2026-01-05,\n",
        "less,2026-01-05,2,survey,2026-01-06,\n",
        "none,2026-01-05,,,,\n",
    ]
    assert imports.import_roster(study, write(tmp_path, "".join(rows))).agreed == 2


def test_scope_that_the_study_does_not_know_is_refused(
    tmp_path: Path, workspace: Make
) -> None:
    """Required and declared scopes and retrospective are known; a misspelt one is not."""
    study = workspace(consent={"required": ["survey", "telemetry"], "scopes": ["mail"]})
    row = "a,2026-01-05,1,survey;telemetry;mail;retrospective,2026-01-05,\n"
    assert news(study, write(tmp_path, row)) == (1, 0, 0)
    remedy = r"row 2, consent_scopes: not a scope .* did you mean 'telemetry'"
    with pytest.raises(FileError, match=remedy):
        imports.import_roster(
            study, write(tmp_path, row.replace("telemetry", "telemetri"))
        )
