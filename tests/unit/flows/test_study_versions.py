"""A panel of the past has the study of the past: its scoring, catalogue and waves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from panelstream.flows import panels, plan, study_versions
from panelstream.flows.workspace import Workspace
from panelstream.models.errors import FileError, UsageError
from tests.lib import studies
from tests.lib.studies import Answer, HandClock

AT = datetime(2027, 1, 12, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OWN_CATALOGUE = """
catalogue: own
namespace: u2plus
sources: [u2plus]
functions: [story, reaction]
types:
  u2plus.story_posted: {function: story}
  u2plus.reaction_given: {function: %s, data: {kind: {kind: slug}, target: {kind: slug}}}
"""
Make = Callable[..., Workspace]


def changed(made: Workspace, **texts: str) -> Workspace:
    """The workspace after some of its files have another text."""
    for stem, text in texts.items():
        (made.folder.path / f"{stem}.yaml").write_text(text, encoding="utf-8")
    return studies.open_in(made.folder.path, made.store, made.clock)


def score(made: Workspace, as_of: datetime | None = None) -> float:
    """The score of the one answer, as of an instant."""
    use = study_versions.take_version(made, as_of)
    built = panels.build(use.workspace, as_of, keep=use.is_present)
    [panel] = built.by_window.values()
    return float(panel["mood_total"].dropna().item())


def test_the_scoring_that_held_is_used(workspace: Make, clock: HandClock) -> None:
    """5 and 5 were a sum of 10; then the score became the first item alone."""
    made = workspace(enrolment="activity")
    studies.answer(made, [Answer("aki", 1, AT, calm=5)])
    total = score(made)
    first = clock.now
    clock.now += timedelta(days=1)
    made = changed(made, mood=studies.MOOD.replace("[calm, awake]", "[calm]"))
    assert score(made) == 5
    assert total == 10
    clock.now += timedelta(days=1)
    assert score(made, first) == total
    assert score(made, clock.now - SECOND) == 5
    use = study_versions.take_version(made, first)
    assert not use.is_present
    assert use.line.startswith(f"study version {use.workspace.folder.version} of 2030-")
    assert use.line.endswith(f"not the present one ({made.folder.version})")


def test_going_back_to_a_version_is_a_use_of_its_own(
    workspace: Make, clock: HandClock
) -> None:
    """In the middle the other one held."""
    made = workspace(enrolment="activity")
    studies.answer(made, [Answer("aki", 1, AT, calm=5)])
    total = score(made)
    clock.now += timedelta(days=1)
    between = clock.now
    score(changed(made, mood=studies.MOOD.replace("[calm, awake]", "[calm]")))
    clock.now += timedelta(days=1)
    made = changed(made, mood=studies.MOOD)
    assert score(made) == total == 10
    clock.now += timedelta(days=1)
    assert score(made, between) == 5
    assert score(made, clock.now - SECOND) == 10


def test_the_catalogue_that_held_is_used(workspace: Make, clock: HandClock) -> None:
    """By it a like was a reaction; since then it is part of a story."""
    made = workspace(enrolment="activity")
    content = studies.with_base(enrolment="activity", catalogue="own.yaml")
    studies.write(made.folder.path, content)
    made = changed(made, own=OWN_CATALOGUE % "reaction")
    study_versions.record_version(made)
    first = clock.now
    clock.now += timedelta(days=1)
    made = changed(made, own=OWN_CATALOGUE % "story")
    study_versions.record_version(made)
    then = study_versions.take_version(made, first).workspace.folder.catalogue
    assert then.affected_function("u2plus.reaction_given") == "reaction"
    present = study_versions.take_version(made, clock.now).workspace.folder.catalogue
    assert present.affected_function("u2plus.reaction_given") == "story"


def test_a_version_by_its_name(workspace: Make, clock: HandClock) -> None:
    """As a manifest has it; one that was never used is a mistake."""
    made = workspace(enrolment="activity")
    study_versions.record_version(made)
    version = made.folder.version
    clock.now += timedelta(days=1)
    made = changed(made, mood=studies.MOOD.replace("[calm, awake]", "[calm]"))
    study_versions.record_version(made)
    use = study_versions.take_version(made, None, version)
    assert use.workspace.folder.version == version
    with pytest.raises(UsageError, match="no study version 'x'"):
        study_versions.take_version(made, None, "x")


def test_the_locks_of_that_version_count(workspace: Make, clock: HandClock) -> None:
    """A plan of the past is compared with the locks until the next version."""
    planned = {
        "specification": "main",
        "estimator": "within_between",
        "outcomes": ["mood_total"],
        "exposures": ["story"],
    }
    made = workspace(enrolment="activity", plan={"confirmatory": [planned]})
    first = plan.lock_plan(made)
    at = clock.now
    clock.now += timedelta(days=1)
    both = {**planned, "exposures": ["story", "reaction"]}
    made = workspace(enrolment="activity", plan={"confirmatory": [both]})
    plan.lock_plan(made)
    use = study_versions.take_version(made, at)
    status = plan.read_plan(use.workspace, locked_by=use.locked_by)
    assert status.locked
    assert [held.hash for held in status.locks] == [first.hash]


def test_before_any_version_the_present_files_are_used(workspace: Make) -> None:
    """And that is said in a line."""
    made = workspace()
    use = study_versions.take_version(made, AT)
    assert use.workspace is made
    assert use.line == (
        "no study version was recorded until 2027-01-12T03:00:00+00:00: the present "
        "study files are used"
    )


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("TRUNCATE TABLE study_texts", "has no texts"),
        (
            "ALTER TABLE study_texts UPDATE text = 'x' WHERE name = 'mood.yaml' "
            "SETTINGS mutations_sync = 1",
            "mood.yaml of study version .* is not what was stored",
        ),
    ],
)
def test_texts_that_are_gone_or_changed_are_refused(
    workspace: Make, clock: HandClock, statement: str, problem: str
) -> None:
    """In one line, rather than with the present files in their place."""
    made = workspace()
    study_versions.record_version(made)
    clock.now += timedelta(days=1)
    changed_study = changed(made, mood=studies.MOOD.replace("[calm, awake]", "[calm]"))
    made.store._client.command(statement)
    with pytest.raises(FileError, match=problem) as caught:
        study_versions.take_version(changed_study, studies.START)
    assert "restore the warehouse from a backup" in str(caught.value)
