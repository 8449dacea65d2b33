"""A study's dead letters: listed, sent again, dismissed."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, get_args

from panelstream.flows import imports
from panelstream.flows.workspace import open_workspace
from panelstream.ingest import dead_letters
from panelstream.ingest.dead_letters import ReplayCounts
from panelstream.ingest.events import files
from panelstream.models.errors import UsageError
from panelstream.models.events.event import Reason
from panelstream.models.settings.environment import Settings
from panelstream.models.timestamps import EARLIEST
from panelstream.models.warehouse import open_letters
from panelstream.models.warehouse.ledger import dismiss_dead_letters, retract_dismissal
from panelstream.models.warehouse.open_letters import LetterGroup, LetterSelection
from panelstream.models.warehouse.store import Store

REASONS = get_args(Reason)
CONFLICTING = "conflicting"
"""Of events that were not rejected: their id was another event's. To be dismissed only."""


def select_letters(
    reason: str,
    event_type: str,
    origin: str,
    since: str = "",
    reasons: Sequence[str] = REASONS,
) -> LetterSelection:
    """A selection from the words of a command.

    Raises `UsageError` for a reason that there is not, and for a time that is none.
    """
    if reason and reason not in reasons:
        raise UsageError(
            f"--reason: no reason '{reason}'; there are: {', '.join(reasons)}"
        )
    return LetterSelection(reason, event_type, origin, _instant(since))


def list_letters(
    settings: Settings, selection: LetterSelection
) -> list[dict[str, Any]]:
    """Open letters, one by one; without what is known of their people and ids."""
    with open_workspace(settings) as workspace:
        letters = open_letters.list_open_letters(workspace.store, selection)
    for letter in letters:
        del letter["participant_id"], letter["event_key"]
    return letters


def summarize_letters(
    settings: Settings, selection: LetterSelection
) -> list[LetterGroup]:
    """Open letters by reason, type and day."""
    with open_workspace(settings) as workspace:
        return open_letters.summarize_open_letters(workspace.store, selection=selection)


def replay_letters(
    settings: Settings, selection: LetterSelection, paths: list[str], dry_run: bool
) -> ReplayCounts:
    """Process letters again; `paths`: where files may lie that were moved.

    Raises `FileError` for a path that does not exist.
    """
    given = files.find_event_files(paths)
    with open_workspace(settings) as workspace:
        sources = [*given, *imports.event_files(settings.study)]
        return dead_letters.replay_dead_letters(
            workspace.store,
            workspace.pipeline,
            settings.kafka,
            selection,
            sources,
            dry_run,
        )


def dismiss_letters(
    settings: Settings, selection: LetterSelection, because: str, dry_run: bool
) -> tuple[int, str]:
    """Dismiss the open letters of a selection; how many, and the id of the dismissal.

    Of the reason `CONFLICTING`: conflicting events, which are of no origin. Raises
    `UsageError` if nothing selects them or nothing is said about why.
    """
    if selection == open_letters.ALL_LETTERS:
        raise UsageError("which letters? Give --reason, --type or --origin")
    if not because.strip():
        raise UsageError("--because: write why they make nothing unknown")
    if selection.reason == CONFLICTING and selection.origin:
        raise UsageError("--origin: where conflicting events came from is not kept")
    with open_workspace(settings) as workspace:
        store = workspace.store
        letters = _count_letters(store, selection)
        if dry_run or not letters:
            return letters, ""
        about = {**asdict(selection), "because": because, "letters": letters}
        return letters, dismiss_dead_letters(store, about)


def restore_letters(settings: Settings, dismissal_id: str) -> int:
    """Take a dismissal back; how many letters it was of.

    Raises `UsageError` with those that there are, if there is no such dismissal.
    """
    with open_workspace(settings) as workspace:
        rows = workspace.store.query("standing_dismissals").to_pylist()
        letters = {row["dismissal_id"]: int(row["letters"]) for row in rows}
        if dismissal_id not in letters:
            listed = ", ".join(letters) or "none"
            raise UsageError(f"no dismissal '{dismissal_id}'; there are: {listed}")
        retract_dismissal(workspace.store, dismissal_id)
    return letters[dismissal_id]


def _count_letters(store: Store, selection: LetterSelection) -> int:
    if selection.reason == CONFLICTING:
        return open_letters.count_open_conflicts(store, selection.event_type)
    groups = open_letters.summarize_open_letters(store, selection=selection)
    return sum(group.letters for group in groups)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text) if text else EARLIEST
    except ValueError:
        raise UsageError("--since is no day; write 2027-05-01") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
