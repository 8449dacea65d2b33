"""Two accounts of one person: a merge joins events, roster, answers and consent.

The oracle is a study in which the person had one id from the start: each case is told
once with one id, and once with two that are merged; panels and analysts' views must be
the same frames. The expectations before a merge and after its undoing come from a study
in which nobody ever merged anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from panelstream.flows import imports, panels, people, survey_imports
from panelstream.flows.import_lines import import_lines
from panelstream.flows.panels import Snapshot
from panelstream.flows.people import IdPair
from panelstream.flows.rebuild import rebuild_projections
from panelstream.flows.status import list_due, read_status
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError, PersonError
from panelstream.models.events.event import Counts
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.merges import read_merges
from panelstream.models.warehouse.reads import read_unknown_times
from panelstream.models.warehouse.settling import await_settled
from tests.lib import studies
from tests.lib.studies import Answer, Arrival, HandClock

Make = Callable[..., Workspace]
DAY = datetime(2027, 1, 5, 3, tzinfo=UTC)
"""Noon in Tokyo, in the week that the panel looks at."""
IN_WAVE = datetime(2027, 1, 12, 3, tzinfo=UTC)
EXPOSURE = {"window": {"lookback": 7}, "functions": ["story", "reaction"]}
MEASURED = {
    **EXPOSURE,
    "measures": ["active_weeks", "sessions", "night_use", "by_kind", "longest_gap"],
}
BEN = ["ben", "2026-12-01"]
"""A person who has one id."""
CONSENT = {"required": ["survey", "telemetry"]}
VIEWS = {
    "study_events": "participant_id, event_type, occurred_at, local_hour, data",
    "study_daily_use": "participant_id, function, used_on, event_count",
    "sessions": "participant_id, session, started_at, minutes, event_count",
    "weekly_use": "participant_id, function, week_start, observed_days, event_count, active_days",
    "operator_events": "participant_id, event_type, occurred_at",
    "operator_daily_use": "participant_id, function, used_on, event_count",
    "operator_participants": "participant_id, enrolled_at, consented_at, withdrawn_at, event_count",
    "operator_answers": "participant_id, wave, response, instrument, item, answer",
}


def days(number: float) -> datetime:
    """An instant so many days after the first."""
    return DAY + timedelta(days=number)


@dataclass(frozen=True)
class Case:
    """What happens: of the first account (A) and the second (B) of one person.

    `events`: kind, account, days after the first, further attributes.
    """

    events: tuple[tuple[str, str, float, Mapping[str, Any]], ...] = ()
    answers: tuple[tuple[str, float, int], ...] = ()
    roster: str = "A,2026-12-01"
    header: str = "platform_id,enrolled_on"
    study: Mapping[str, Any] = field(default_factory=dict)


def did(kind: str, account: str, day: float, **more: Any) -> Any:
    """An event of an account."""
    return kind, account, day, more


CASES = {
    "events of both, roster of the first, answers of the second": Case(
        (
            did("story_posted", "A", 0),
            did("story_posted", "B", 0.01),
            did("story_posted", "B", 1),
            did("reaction_given", "B", 2),
        ),
        (("B", 7, 3),),
    ),
    "roster of the second": Case(
        (did("story_posted", "A", 0), did("story_posted", "B", 1)),
        (("A", 7, 3),),
        "B,2026-12-01",
    ),
    "both on the roster, on different days": Case(
        (did("story_posted", "A", 0), did("story_posted", "B", 1)),
        (("A", 7, 3),),
        "A,2026-12-01\nB,2027-01-06",
    ),
    "two answers in one wave": Case(
        (did("story_posted", "B", 0),), (("A", 7, 3), ("B", 8, 9))
    ),
    "two answers in one second": Case((), (("A", 7, 3), ("B", 7, 9))),
    "one account takes back what the other did": Case(
        (
            did("reaction_given", "A", 0),
            did("reaction_given", "A", 1),
            did("reaction_withdrawn", "B", 1.1),
        ),
        study={"exposure": MEASURED},
    ),
    "a session over both accounts": Case(
        (
            did("story_posted", "A", 0),
            did("story_posted", "B", 0.01),
            did("story_posted", "A", 0.02),
        ),
        study={"exposure": MEASURED},
    ),
    "consent of the second": Case(
        (
            did("consent_given", "B", -30),
            did("story_posted", "A", 0),
            did("story_posted", "B", 1),
        ),
        (("A", 7, 3),),
        study={"consent": CONSENT},
    ),
    "consent of the first by roster, withdrawal of the second": Case(
        (
            did("story_posted", "A", 0),
            did("story_posted", "B", 1),
            did("consent_withdrawn", "B", 3),
        ),
        (("A", 7, 3),),
        "A,2026-12-01,1,survey;telemetry,2026-12-01",
        "platform_id,enrolled_on,consent_version,consent_scopes,consented_at",
        {"consent": CONSENT},
    ),
    "withdrawal of the first": Case(
        (did("story_posted", "B", 0), did("consent_withdrawn", "A", 8)),
        (("B", 7, 3), ("B", 9, 4)),
    ),
    "the second account is a tester's": Case(
        (
            did("story_posted", "A", 0),
            did("enrolled", "B", -30, data={"account": "test"}),
        ),
        (("A", 7, 3),),
    ),
    "enrolled by the second account's activity": Case(
        (did("story_posted", "B", 0),),
        (("A", 7, 3),),
        "",
        study={"enrolment": "activity"},
    ),
    "a silent device of the second account": Case(
        (
            did("story_posted", "A", 0),
            did(
                "heartbeat",
                "",
                40,
                data={
                    "functions": ["story", "reaction"],
                    "from": "2026-11-01T00:00:00Z",
                    "to": "2027-02-01T00:00:00Z",
                },
            ),
            did(
                "heartbeat",
                "B",
                8,
                data={
                    "functions": ["story"],
                    "from": "2027-01-06T00:00:00Z",
                    "to": "2027-01-07T00:00:00Z",
                },
            ),
        ),
        study={"coverage": "heartbeats"},
    ),
    "a rejected event of the second account": Case(
        (
            did("story_posted", "A", 0),
            did("story_posted", "B", 1, data={"unknown": True}),
            did("story_posted", "B", 2),
        ),
        (("A", 7, 3),),
    ),
}


def tell(study: Workspace, clock: HandClock, case: Case, second: str) -> Counts:
    """A case happens: the first account is `anna`, the second has another id or not."""
    ids = {"A": "anna", "B": second, "": None}
    clock.now = studies.START
    if case.roster:
        text = case.roster.replace("A,", "anna,").replace("B,", f"{second},")
        path = study.folder.path / "roster.csv"
        columns = case.header.split(",")
        others = [*BEN, *[""] * len(columns)][: len(columns)]
        if columns[-1] == "consented_at":
            others[2:] = ["1", "survey;telemetry", "2026-12-01"]
        path.write_text("\n".join([case.header, text, ",".join(others), ""]))
        imports.import_roster(study, path)
    events = [
        studies.event(kind, ids[account], days(day), id=f"{number}", **more)
        for number, (kind, account, day, more) in enumerate(case.events)
    ]
    answers = [
        Answer(ids[account] or "", 1, days(day), calm=calm)
        for account, day, calm in case.answers
    ]
    first = Arrival((*events, studies.event("story_posted", "ben", days(1))))
    apart = [Arrival((), (answer,)) for answer in answers]
    return studies.arrive(study, clock, [first, *apart], first=1)


def rows(study: Workspace, columns: str, source: str) -> pa.Table:
    """What a view shows; the warehouse can be written afterwards."""
    sql = f"select {columns} from {source}"  # noqa: S608 - the test's own
    return study.store._client.query_arrow(sql, use_strings=True)


def build_panel(study: Workspace) -> pd.DataFrame:
    """The panel of all that is stored; nothing is kept of it for readers."""
    snapshot = Snapshot(study, await_settled(study.store, None, lambda _: None))
    return snapshot.panel(study.folder.study.own_window)


def shown(study: Workspace) -> dict[str, pd.DataFrame]:
    """What the views show once the panel is built."""
    panels.build(study)
    return {
        name: rows(study, columns, f"{name} order by all").to_pandas()
        for name, columns in VIEWS.items()
    }


def assert_same(
    first: Mapping[str, pd.DataFrame], second: Mapping[str, pd.DataFrame]
) -> None:
    """Every frame of both is the same."""
    for name, frame in first.items():
        pd.testing.assert_frame_equal(second[name], frame, obj=name)


@pytest.mark.parametrize("name", CASES)
def test_merged_ids_are_as_one_id(name: str, workspace: Make, clock: HandClock) -> None:
    """The panel is that of a study in which the two ids were one id from the start."""
    case = CASES[name]
    study = workspace(**{"exposure": EXPOSURE, **case.study})
    tell(study, clock, case, "anna")
    expected = build_panel(study)
    studies.empty(study.store)
    tell(study, clock, case, "bea")
    apart = build_panel(study)
    people.merge_people(study, [IdPair("anna", "bea")])
    pd.testing.assert_frame_equal(build_panel(study), expected)
    assert not apart.equals(expected)


def test_views_show_the_person(workspace: Make, clock: HandClock) -> None:
    """What readers see is what they see in a study with one id."""
    case = CASES["one account takes back what the other did"]
    study = workspace(exposure=EXPOSURE)
    tell(study, clock, case, "anna")
    expected = shown(study)
    studies.empty(study.store)
    tell(study, clock, case, "bea")
    people.merge_people(study, [IdPair("anna", "bea")])
    assert_same(expected, shown(study))


def test_before_and_after(workspace: Make, clock: HandClock) -> None:
    """As of an instant before the merge, and after its undoing, nothing is merged."""
    study = workspace(exposure=EXPOSURE)
    tell(study, clock, next(iter(CASES.values())), "bea")
    before = build_panel(study)
    at = clock.now = clock.now + timedelta(hours=1)
    clock.now += timedelta(hours=1)
    people.merge_people(study, [IdPair("anna", "bea")])
    assert not build_panel(study).equals(before)
    earlier = Snapshot(study, at).panel(study.folder.study.own_window)
    pd.testing.assert_frame_equal(earlier, before)
    clock.now += timedelta(hours=1)
    people.split_person(study, "bea")
    pd.testing.assert_frame_equal(build_panel(study), before)


def test_rebuild(workspace: Make, clock: HandClock) -> None:
    """Projections that are rebuilt after a merge hold it."""
    study = workspace(exposure=EXPOSURE)
    tell(study, clock, CASES["a session over both accounts"], "bea")
    panels.build(study)
    people.merge_people(study, [IdPair("anna", "bea")])
    rebuild_projections(study)
    anna = study.pseudonyms.participant_id("anna").hex()
    of_anna = f"fact_exposure where function = 'story' and participant_id = '{anna}'"
    facts = rows(study, "event_count, active_days", of_anna).to_pylist()
    assert facts == [{"event_count": 3.0, "active_days": 1.0}]


def person(study: Workspace, name: str) -> str:
    """Under which of some ids an id counts."""
    names = {
        study.pseudonyms.participant_id(n): n for n in ("anna", "bea", "cleo", "dora")
    }
    merges = read_merges(study.store)
    return names[merges.person(study.pseudonyms.participant_id(name))]


def known(study: Workspace, *names: str) -> Workspace:
    """The study with an event of each of some ids."""
    studies.send(study, [studies.event("story_posted", name, DAY) for name in names])
    return study


def test_ids_that_only_have_rejected_events(workspace: Make, clock: HandClock) -> None:
    """They can be merged: then the days of their letters are the person's unknown ones."""
    study = known(workspace(exposure=EXPOSURE), "anna")
    rejected = studies.event("story_posted", "bea", DAY, data={"colour": "red"})
    studies.send(study, [rejected])
    assert people.merge_people(study, [IdPair("anna", "bea")]).merged == 1
    unknown = read_unknown_times(study.store, study.folder, LATEST)
    anna = study.pseudonyms.participant_id("anna").hex()
    assert [gap.time.participant for gap in unknown] == [anna]


@pytest.mark.parametrize("kept", ["anna", "bea-1"])
def test_ids_that_are_nearly_a_merged_one(
    kept: str, workspace: Make, tmp_path: Path
) -> None:
    """A stranger's id is compared with every id of an enrolled person.

    Events and enrolment are of two accounts, whichever of them is kept; `Bea1` differs
    from one of them by case and a hyphen.
    """
    study = known(workspace(enrolment="roster"), "anna", "Bea1", "carl")
    roster = tmp_path / "roster.csv"
    roster.write_text("platform_id,enrolled_on\nbea-1,2026-12-01\n", encoding="utf-8")
    imports.import_roster(study, roster)
    [alias] = {"anna", "bea-1"} - {kept}
    people.merge_people(study, [IdPair(kept, alias)])
    status = read_status(study)
    assert (status.enrolled, status.without_event) == (1, 0)
    assert (status.events_not_enrolled, status.nearly_enrolled) == (2, 1)


def test_chains_are_one_person(workspace: Make, clock: HandClock) -> None:
    """A=B and B=C are one person, under the first statement's first id; also A=C then."""
    study = known(workspace(), "anna", "bea", "cleo", "dora")
    for pair in (IdPair("bea", "cleo"), IdPair("anna", "bea"), IdPair("dora", "anna")):
        clock.now += timedelta(hours=1)
        assert people.merge_people(study, [pair]).merged == 1
    assert {person(study, n) for n in ("anna", "bea", "cleo", "dora")} == {"bea"}
    again = people.merge_people(study, [IdPair("cleo", "dora"), IdPair("cleo", "anna")])
    assert (again.merged, again.unchanged) == (0, 2)
    people.split_person(study, "bea")
    assert [person(study, n) for n in ("anna", "bea", "cleo", "dora")] == [
        "dora",
        "bea",
        "bea",
        "dora",
    ]


def test_last_statement_about_an_id_holds(workspace: Make, clock: HandClock) -> None:
    """An id that is somebody else's after all leaves the first person."""
    study = known(workspace(), "anna", "bea", "cleo")
    people.merge_people(study, [IdPair("anna", "cleo")])
    clock.now += timedelta(hours=1)
    people.merge_people(study, [IdPair("bea", "cleo")])
    assert [person(study, n) for n in ("anna", "bea", "cleo")] == ["anna", "bea", "bea"]


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        (IdPair("anna", " anna "), "OTHER: both ids are the same"),
        (IdPair("anna", "nobody"), "OTHER: nothing is stored of this id"),
        (IdPair("", "anna"), "KEEP: the id is empty"),
        (IdPair("1.2E+17", "anna"), "KEEP: a spreadsheet has rounded this id"),
    ],
)
def test_impossible_pairs(pair: IdPair, problem: str, workspace: Make) -> None:
    """What cannot be is refused in a line without the id; nothing is stored."""
    study = known(workspace(), "anna")
    with pytest.raises(PersonError, match=problem) as error:
        people.merge_people(study, [pair])
    assert error.value.exit_code == 3
    assert "nobody" not in str(error.value)
    assert people.list_merges(study) == []


def test_a_file_that_merges_an_id_into_two(workspace: Make) -> None:
    """Both rows are named, and nothing is stored; the same pair twice is harmless."""
    study = known(workspace(), "anna", "bea", "cleo")
    path = study.folder.path / "pairs.csv"
    pairs = [IdPair("anna", "cleo", 2), IdPair("bea", "cleo", 3)]
    with pytest.raises(FileError, match="rows 2 and 3, platform_id: the same id"):
        people.merge_people(study, pairs, path)
    assert people.list_merges(study) == []
    people.merge_people(study, [pairs[0], IdPair("anna", "cleo", 3)], path)
    assert person(study, "cleo") == "anna"


def test_file_of_pairs_is_stored_whole_or_not(workspace: Make) -> None:
    """The row of an unknown id is named; the pairs before it are not stored."""
    study = known(workspace(), "anna", "bea")
    path = study.folder.path / "pairs.csv"
    path.write_text("platform_id,same_as\nbea,anna\nnobody,anna\n", encoding="utf-8")
    with pytest.raises(FileError, match="row 3, platform_id: nothing is stored"):
        people.merge_people(study, people.read_pairs(path), path)
    assert people.list_merges(study) == []
    path.write_text("platform_id,same_as\nbea,anna\n", encoding="utf-8")
    people.merge_people(study, people.read_pairs(path), path)
    [statement] = people.list_merges(study)
    pseudonyms = study.pseudonyms
    assert statement["other_id"] == pseudonyms.participant_id("bea").hex()
    assert statement["same_as_id"] == pseudonyms.participant_id("anna").hex()
    assert (statement["statement"], statement["origin"]) == ("merged", "pairs.csv")
    assert statement["line"] == 2


def test_split_needs_a_statement(workspace: Make) -> None:
    """An id that was not merged cannot be split."""
    with pytest.raises(PersonError, match="was not merged into another one"):
        people.split_person(known(workspace(), "anna"), "anna")


def test_withdrawal_refuses_both_ids(workspace: Make) -> None:
    """What arrives of either id after the withdrawal of one is refused."""
    study = known(workspace(), "anna", "bea")
    people.merge_people(study, [IdPair("anna", "bea")])
    studies.send(study, [studies.event("consent_withdrawn", "bea", days(1))])
    later = [studies.event("story_posted", n, days(2)) for n in ("anna", "bea", "ben")]
    counts = studies.send(study, later)
    assert (counts.accepted, counts.refused) == (1, 2)


def test_due_and_status_count_people(workspace: Make, clock: HandClock) -> None:
    """Either id answers for the person; nobody of the merged is a stranger."""
    study = workspace()
    case = Case((did("story_posted", "B", 0),), (("B", 7, 3),))
    tell(study, clock, case, "bea")
    clock.now += timedelta(hours=1)
    ids = study.folder.path / "ids.csv"
    ids.write_text("platform_id\nanna\nbea\nben\n", encoding="utf-8")
    assert read_status(study).events_not_enrolled == 1
    people.merge_people(study, [IdPair("anna", "bea")])
    status = read_status(study)
    assert (status.enrolled, status.without_event) == (2, 0)
    assert (status.events_not_enrolled, dict(status.not_enrolled)) == (0, {})
    clock.now = IN_WAVE
    assert list_due(study, 1, ids) == ["ben"]


def import_linked(study: Workspace, links: str) -> survey_imports.WaveImport:
    """Import an answer of the survey id `anna-new` with a link file."""
    folder = study.folder.path
    (folder / "links.csv").write_text(f"survey_id,platform_id\n{links}")
    answers = "platform_id,submitted_at,calm,awake\nanna-new,2027-01-12 09:00,1,1\n"
    (folder / "wave1.csv").write_text(answers)
    return survey_imports.import_responses(study, folder / "wave1.csv", 1)


def links_lines(imported: survey_imports.WaveImport) -> list[str]:
    """What an import says of links."""
    return [line for line in import_lines(imported) if line.startswith("  links:")]


def is_merged(study: Workspace) -> bool:
    """Whether the survey id counts under the platform id."""
    new, old = map(study.pseudonyms.participant_id, ("anna-new", "anna-old"))
    return read_merges(study.store).person(new) == old


def test_links_of_an_id_with_events(workspace: Make, clock: HandClock) -> None:
    """A link of an id with events merges it, until no import states the link any more."""
    study = known(workspace(enrolment="roster"), "anna-new")
    imported = import_linked(study, "anna-new,anna-old\nben-new,ben\n")
    [line] = links_lines(imported)
    assert line.startswith(
        "  links: linked ids with events of their own: 1; these count"
    )
    assert is_merged(study)
    clock.now += timedelta(hours=1)
    survey_imports.retract_wave_import(study, imported.import_id)
    assert not is_merged(study)
    origins = [statement["origin"] for statement in people.list_merges(study)]
    assert origins == ["links of wave1.csv", f"retraction of {imported.import_id}"]


def test_corrected_links(workspace: Make, clock: HandClock) -> None:
    """A link that the corrected file does not have is taken back; one it has stays."""
    study = known(workspace(enrolment="roster"), "anna-new")
    import_linked(study, "anna-new,anna-old\n")
    clock.now += timedelta(hours=1)
    longer = import_linked(study, "anna-new,anna-old\nben-new,ben\n")
    assert is_merged(study)
    survey_imports.retract_wave_import(study, longer.import_id)
    assert is_merged(study)
    clock.now += timedelta(hours=1)
    import_linked(study, "ben-new,ben\n")
    assert not is_merged(study)


def test_command_holds_against_links(workspace: Make, clock: HandClock) -> None:
    """An id that a command split is not merged again by the next import."""
    study = known(workspace(enrolment="roster"), "anna-new")
    import_linked(study, "anna-new,anna-old\n")
    clock.now += timedelta(hours=1)
    people.split_person(study, "anna-new")
    [line] = links_lines(import_linked(study, "anna-new,anna-old\nben-new,ben\n"))
    assert "do not count" in line
    assert not is_merged(study)


@pytest.mark.parametrize(
    "links", ["17,anna-old\n", "chie,ben\nben,chie\n", "eve,ben\n"]
)
def test_links_that_are_not_certain(
    links: str, workspace: Make, clock: HandClock
) -> None:
    """A number, an id that is linked to, and one that is enrolled are nobody else's."""
    study = known(workspace(enrolment="roster"), "17", "ben", "eve")
    path = study.folder.path / "roster.csv"
    path.write_text("platform_id,enrolled_on\neve,2026-12-01\n")
    imports.import_roster(study, path)
    [line] = links_lines(import_linked(study, links))
    assert "people merge PLATFORM_ID SURVEY_ID" in line
    assert people.list_merges(study) == []


def test_without_merges_nothing_changes(workspace: Make, clock: HandClock) -> None:
    """A merge that is undone leaves roster, answers and consents as they were."""
    study = workspace()
    tell(study, clock, CASES["both on the roster, on different days"], "bea")
    views = [f"{name}_as_of" for name in ("roster", "answers", "consents", "accounts")]

    def statements() -> list[Any]:
        sources = [
            f"{view}(as_of = '{LATEST:%Y-%m-%d}') order by all" for view in views
        ]
        return [rows(study, "*", source).to_pylist() for source in sources]

    before = statements()
    people.merge_people(study, [IdPair("anna", "bea")])
    assert statements() != before
    clock.now += timedelta(hours=1)
    people.split_person(study, "bea")
    assert statements() == before
