"""New study folders, and checks that store nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from panelstream.flows import imports, survey_imports
from panelstream.flows.workspace import warehouse_has_people
from panelstream.ingest.pseudonymise import read_keys, write_key
from panelstream.ingest.roster.roster_file import ROSTER_COLUMNS
from panelstream.ingest.surveys.mapping import read_mapping
from panelstream.models.errors import FileError
from panelstream.models.instruments.consent_question import CONSENT_QUESTION
from panelstream.models.instruments.instrument import find_instrument
from panelstream.models.settings.environment import Settings
from panelstream.models.study.load import STUDY_FILE, load_study
from panelstream.models.study.template import (
    INSTRUMENTS,
    roster_text,
    study_text,
    wave_text,
)

TEMPLATES = "templates"
ROSTER_TEMPLATE, WAVE_TEMPLATE = f"{TEMPLATES}/roster.csv", f"{TEMPLATES}/wave1.csv"
"""Files to copy and fill in; an import of the folder does not read them there."""
IGNORED = f"pseudonym.key\ncollector.tokens\nlinks.csv\npairs.csv\nwarehouse/\nwarehouse.endpoint\nevents/\nresponses/\nroster.csv\n{TEMPLATES}/\n.env\n"
"""What a study's folder must never put into version control."""

_WAVES = 4
_WEEK = timedelta(days=7)


def create_study(settings: Settings) -> list[str]:
    """Create a study folder, or add what is missing; returns the names that are new.

    Raises `FileError` where the key is missing and the warehouse has people: with a
    new key all of them would be counted twice.
    """
    folder, key_file = settings.study, settings.pseudonym_key_file
    needs_key = not key_file.exists()
    if needs_key and warehouse_has_people(settings):
        raise FileError(
            key_file,
            "",
            "no pseudonym key, and the warehouse has people; restore the key from its "
            "backup (with a new one everybody would be counted twice)",
        )
    for name in (imports.EVENTS, imports.RESPONSES, TEMPLATES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    first_day = next_monday(now).date()
    texts = {
        STUDY_FILE: study_text(_slug(folder.resolve().name), _WAVES, first_day),
        ".gitignore": IGNORED,
        ROSTER_TEMPLATE: roster_text(ROSTER_COLUMNS, now.date()),
        WAVE_TEMPLATE: wave_text(
            [find_instrument(name, folder).value for name in INSTRUMENTS], first_day
        ),
    }
    missing = [name for name in texts if not (folder / name).exists()]
    for name in missing:
        (folder / name).write_text(texts[name], encoding="utf-8")
    if needs_key:
        write_key(key_file)
        is_inside = key_file.parent == folder
        missing.append(key_file.name if is_inside else str(key_file))
    return missing


def check_study(settings: Settings) -> Iterator[str]:
    """Read every file of a study; yields what they contain, line by line."""
    loaded = load_study(settings.study)
    waves = loaded.study.waves
    yield f"{settings.study / STUDY_FILE}: {loaded.study.study}, waves {waves[0].wave} to {waves[-1].wave}"
    yield f"catalogue {loaded.catalogue.catalogue}: {len(loaded.catalogue.types)} types of event"
    for instrument in loaded.instruments:
        yield f"instrument {instrument.instrument}: {', '.join(instrument.score_columns) or 'no scores'}"
    mapping = settings.study / imports.RESPONSES / survey_imports.MAPPING
    if mapping.exists():
        yield f"mapping: {len(read_mapping(mapping, [*loaded.instruments, CONSENT_QUESTION]).columns)} headers"
    schedule, timezone = loaded.study.schedule, loaded.study.timezone
    yield f"schedule: flow study at '{schedule.study}' ({timezone})"
    read_keys(settings.pseudonym_key_file)
    yield "pseudonym key: readable by you alone"


def describe_catalogue(settings: Settings) -> Iterator[str]:
    """One line a type of event: its function and its fields."""
    loaded = load_study(settings.study)
    for name, event_type in loaded.catalogue.types.items():
        fields = ", ".join(
            f"{field} ({rule.kind})" for field, rule in event_type.data.items()
        )
        yield f"{name}  function: {event_type.function or '-'}  data: {fields or '-'}"


def next_monday(now: datetime) -> datetime:
    """The Monday of next week, on which a first wave may open."""
    return now - timedelta(days=now.weekday()) + _WEEK


def _slug(name: str) -> str:
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return slug.strip("-") or "study"
