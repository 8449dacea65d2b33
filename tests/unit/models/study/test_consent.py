"""An answer to the consent question: stored, parsed, and set against what held."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from panelstream.models.study import consent
from panelstream.models.study.consent import DECLINED, ConsentStatement
from panelstream.models.study.study import Study
from tests.lib import studies

BOTH = frozenset(["survey", "telemetry"])
JAPAN = ZoneInfo("Asia/Tokyo")


def at(day: int) -> datetime:
    """Noon of a day in January 2027."""
    return datetime(2027, 1, day, 12, tzinfo=UTC)


def yes(day: int, *scopes: str, version: int = 1) -> ConsentStatement:
    """A yes to some scopes, or to both."""
    return ConsentStatement(at(day), version, frozenset(scopes) or BOTH)


def no(day: int, *scopes: str, version: int = 1) -> ConsentStatement:
    """A no to some scopes, or to both."""
    return ConsentStatement(at(day), version, frozenset(scopes) or BOTH, DECLINED)


def withdrawal(day: int, level: str = "collection") -> ConsentStatement:
    """A withdrawal."""
    return ConsentStatement(at(day), level=level)


@pytest.mark.parametrize(
    ("answer", "stored", "level"),
    [
        ("yes", "survey telemetry", ""),
        ("1", "survey telemetry", ""),
        ("no", "no:survey telemetry", "declined"),
        ("0", "no:survey telemetry", "declined"),
    ],
)
def test_an_answer_is_a_statement(answer: str, stored: str, level: str) -> None:
    """A yes and a no are stored differently, and are parsed as what they say."""
    row = consent.stored_answer(3, ["survey", "telemetry"], answer)
    assert row == ("study.consent", "3", stored)
    statement = consent.parse_stored_answer(at(5), row[1], row[2])
    assert statement == ConsentStatement(at(5), 3, BOTH, level)


def test_a_blank_says_nothing() -> None:
    """A question without an answer is stored as a blank, which is neither yes nor no."""
    assert consent.stored_answer(1, ["survey"], "") == ("study.consent", "1", "")


@pytest.mark.parametrize(
    ("refusal", "earlier", "expected"),
    [
        (no(10), [yes(5)], BOTH),
        (no(10, "survey"), [yes(5)], {"survey"}),
        (no(10), [yes(5, "survey")], {"survey"}),
        (no(10, version=2), [yes(5)], BOTH),
        (no(10), [yes(5, version=2)], set()),
        (no(10), [], set()),
        (no(10), [yes(5), withdrawal(7)], set()),
        (no(10), [yes(15)], set()),
        (no(10), [yes(5), no(10)], set()),
        (yes(10), [yes(5)], set()),
    ],
)
def test_a_no_against_an_earlier_yes(
    refusal: ConsentStatement,
    earlier: list[ConsentStatement],
    expected: set[str],
) -> None:
    """Scopes that held at the time of the no, and that it takes away.

    None where it is stored already, came before the yes, or is to an older version.
    """
    own = Study.model_validate(
        studies.with_base(consent={"required": ["survey", "telemetry"]})
    )
    assert consent.revoked_scopes(own, refusal, earlier) == expected


def test_a_no_where_consent_is_kept_elsewhere() -> None:
    """All scopes hold there, so that every no contradicts; a yes does not."""
    external = Study.model_validate(studies.with_base(consent="external"))
    assert consent.revoked_scopes(external, no(10), []) == BOTH
    assert consent.revoked_scopes(external, yes(10), []) == set()


@pytest.mark.parametrize(
    ("statements", "declined"),
    [
        ([no(5)], BOTH),
        ([yes(5), no(10, "survey")], {"survey"}),
        ([no(5), yes(10)], set()),
        ([no(5), yes(10, "survey")], {"telemetry"}),
        ([no(5), withdrawal(10)], set()),
        ([yes(5, version=2), no(10)], set()),
    ],
)
def test_declined_scopes(
    statements: list[ConsentStatement], declined: set[str]
) -> None:
    """Scopes whose last statement is a no, until a yes to them or a withdrawal."""
    assert consent.declined_scopes(statements) == declined
    assert consent.declined_scopes(reversed(statements)) == declined


@pytest.mark.parametrize("level", ["contact", "collection", "erase"])
def test_a_no_is_no_withdrawal(level: str) -> None:
    """It neither starts nor ends a time in which nothing is taken."""
    assert consent.withdrawal_level([yes(5), no(10)]) == ""
    assert consent.withdrawal_periods([yes(5), no(10)], JAPAN) == []
    gone = [yes(5), withdrawal(7, level)]
    periods = consent.withdrawal_periods(gone, JAPAN)
    assert consent.withdrawal_periods([*gone, no(10)], JAPAN) == periods
    assert consent.withdrawal_level([*gone, no(10)]) == level
