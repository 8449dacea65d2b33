"""Open dead letters of the study's own events: what may count wrongly, in a line each.

They make no use unknown, as no act is missing; but whoever they speak of may be counted
although they left, or be missing.
"""

from collections.abc import Iterator, Mapping

HEARTBEAT = "study.heartbeat"
_SEE = "see 'panelstream dead-letters list'"
_MEANINGS: Mapping[str, tuple[str, str, str]] = {
    "study.consent_withdrawn": (
        "withdrawal of consent",
        "withdrawals of consent",
        "{of} data still count",
    ),
    "study.consent_given": (
        "statement of consent",
        "statements of consent",
        "{of} data may not count",
    ),
    "study.enrolled": (
        "enrolment",
        "enrolments",
        "{of} group and account are not known, and somebody may be missing",
    ),
    "study.response_submitted": ("response", "responses", "the answers are missing"),
    "study.invited": ("invitation", "invitations", "not counted"),
    HEARTBEAT: (
        "heartbeat",
        "heartbeats",
        "the stated time is not covered; of a device, all that no other "
        "heartbeat of the device covers",
    ),
}
"""By type: what one and several are called, and what follows; the gravest first."""


def study_letter_lines(letters: Mapping[str, int]) -> Iterator[str]:
    """What open letters mean, by type of event."""
    for event_type, (singular, plural, meaning) in _MEANINGS.items():
        number = letters.get(event_type, 0)
        if number:
            name = singular if number == 1 else plural
            of = "that person's" if number == 1 else "those people's"
            yield f"{number:,} rejected {name}: {meaning.format(of=of)}; {_SEE}"
