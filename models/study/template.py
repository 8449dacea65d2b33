"""Files that a new study starts from."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from string import Template

from panelstream.models.instruments.instrument import Instrument, Item

_FOLDER = Path(__file__).parent
WAVE_EVERY_DAYS = 91
WAVE_OPEN_DAYS = 21
INSTRUMENTS = ("phq9", "pdd", "ghsq", "function_use", "demographics")
"""What the study file of a new study asks."""
_PEOPLE = ("member-001", "member-002")


def study_text(name: str, waves: int, first_opens_on: date) -> str:
    """The text of a study file that loads as it stands.

    `waves` waves of 21 days each open 13 weeks apart, the first on
    `first_opens_on`.
    """
    template = Template((_FOLDER / "study.yaml").read_text(encoding="utf-8"))
    lines = [_wave_line(wave, first_opens_on) for wave in range(1, waves + 1)]
    return template.substitute(name=name, waves="\n".join(lines))


def roster_text(columns: Sequence[str], day: date) -> str:
    """A roster with these columns and two people who agreed on `day`."""
    example = {
        "enrolled_on": str(day),
        "consented_at": f"{day} 00:00",
        "consent_version": "1",
        "consent_scopes": "survey;telemetry;retrospective",
        "account": "participant",
        "invited_waves": "1",
    }
    rows = [
        [person if name == "platform_id" else example.get(name, "") for name in columns]
        for person in _PEOPLE
    ]
    return _csv_text([columns, *rows])


def wave_text(instruments: Sequence[Instrument], day: date) -> str:
    """A plain file of answers: two responses to all items, sent on `day`."""
    items = [item for instrument in instruments for item in instrument.items]
    header = ["platform_id", "submitted_at", *(item.code for item in items)]
    rows = [
        [person, f"{day} 1{at}:00", *(_answers(item)[-at] for item in items)]
        for at, person in enumerate(_PEOPLE)
    ]
    return _csv_text([header, *rows])


def _answers(item: Item) -> list[str]:
    return list(item.choices) or [str(end) for end in item.range]


def _csv_text(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"{','.join(row)}\n" for row in rows)


def _wave_line(wave: int, first_opens_on: date) -> str:
    opens_on = first_opens_on + timedelta(days=WAVE_EVERY_DAYS * (wave - 1))
    closes_on = opens_on + timedelta(days=WAVE_OPEN_DAYS - 1)
    return f"  - {{wave: {wave}, opens_on: {opens_on}, closes_on: {closes_on}}}"
