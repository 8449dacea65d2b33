"""Files that a new study starts from."""

from datetime import date, timedelta
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent
WAVE_EVERY_DAYS = 91
WAVE_OPEN_DAYS = 21


def study_text(name: str, waves: int, first_opens_on: date) -> str:
    """The text of a study file that loads as it stands.

    `waves` waves of 21 days each open 13 weeks apart, the first on
    `first_opens_on`.
    """
    template = Template((_FOLDER / "study.yaml").read_text(encoding="utf-8"))
    lines = [_wave_line(wave, first_opens_on) for wave in range(1, waves + 1)]
    return template.substitute(name=name, waves="\n".join(lines))


def _wave_line(wave: int, first_opens_on: date) -> str:
    opens_on = first_opens_on + timedelta(days=WAVE_EVERY_DAYS * (wave - 1))
    closes_on = opens_on + timedelta(days=WAVE_OPEN_DAYS - 1)
    return f"  - {{wave: {wave}, opens_on: {opens_on}, closes_on: {closes_on}}}"
