"""For which times a function's log is whole."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panelstream.models.study import coverage
from panelstream.models.study.coverage import Coverage, LogTime
from panelstream.models.study.load import load_study
from tests.lib import studies

DAY = np.timedelta64(1, "D")
OUTAGE = {"from": "2027-01-03T00:00Z", "to": "2027-01-04T00:00Z"}


def covered(
    tmp_path: Path, *beats: tuple[str, int, int], **changes: Any
) -> dict[str, Coverage]:
    """The coverage of story and reaction; heartbeats from day to day of January."""
    content = studies.with_base(**changes)
    study = load_study(studies.write(tmp_path, content)).study
    at = {n: datetime(2027, 1, n, tzinfo=UTC) for n in range(1, 32)}
    return dict(
        coverage.cover(study, [LogTime(name, at[a], at[b]) for name, a, b in beats])
    )


def days(one: Coverage, start: str, end: str) -> tuple[float, float]:
    """Days observed and excused of a window."""
    bounds = np.array([start], "datetime64[us]"), np.array([end], "datetime64[us]")
    return one.observed.days_within(*bounds)[0], one.excused.days_within(*bounds)[0]


def test_assumed(tmp_path: Path) -> None:
    """Where the study says that the log is whole, heartbeats do not matter."""
    result = covered(tmp_path, ("story", 1, 2), coverage="assumed")
    assert days(result["story"], "2027-01-01", "2027-01-11") == (10, 0)


def test_heartbeats_by_function(tmp_path: Path) -> None:
    """A heartbeat covers the functions it names; the study's others are not known."""
    result = covered(tmp_path, ("story", 1, 4), ("cycle", 1, 30), coverage="heartbeats")
    assert set(result) == {"story", "reaction"}
    assert days(result["story"], "2027-01-01", "2027-01-11") == (3, 0)
    assert days(result["reaction"], "2027-01-01", "2027-01-11") == (0, 0)


def test_an_outage_is_not_observed(tmp_path: Path) -> None:
    """It takes observed time from its functions, and excuses it only if prorated."""
    for handling, excused in (("missing", 0), ("prorate", 1)):
        outage = OUTAGE | {"functions": ["story"], "handling": handling}
        result = covered(tmp_path, outages=[outage])
        assert days(result["story"], "2027-01-01", "2027-01-11") == (9, excused)
        assert days(result["reaction"], "2027-01-01", "2027-01-11") == (10, 0)


def test_a_heartbeat_does_not_undo_an_outage(tmp_path: Path) -> None:
    """What the study file calls lost is lost, though the platform thinks otherwise."""
    outage = OUTAGE | {"functions": ["story"]}
    result = covered(
        tmp_path, ("story", 1, 10), coverage="heartbeats", outages=[outage]
    )
    assert days(result["story"], "2027-01-03", "2027-01-05") == (1, 0)


@pytest.mark.parametrize(
    ("end", "begin", "expected"),
    [
        ("23:59:59", "00:00:00", 2),
        ("23:59:58", "00:00:00", 2 - 2 / 86_400),
        ("23:59:59.999", "00:00:00", 2),
        ("23:59:59.998", "00:00:00", 2 - 0.002 / 86_400),
        ("23:59:59.999999", "00:00:00", 2),
        ("23:59:59", "00:00:00.000001", 2 - 1.000001 / 86_400),
    ],
)
def test_the_next_heartbeat(
    tmp_path: Path, end: str, begin: str, expected: float
) -> None:
    """It may begin one unit later: of a second, a millisecond or a microsecond."""
    study = load_study(
        studies.write(tmp_path, studies.with_base(coverage="heartbeats"))
    )
    at = datetime.fromisoformat
    beats = [
        LogTime("story", at("2027-01-01T00:00:00Z"), at(f"2027-01-01T{end}+00:00")),
        LogTime("story", at(f"2027-01-02T{begin}+00:00"), at("2027-01-03T00:00:00Z")),
    ]
    log = coverage.cover(study.study, beats)["story"]
    assert days(log, "2027-01-01", "2027-01-04")[0] == pytest.approx(
        expected, abs=1e-12
    )
