"""What is known of the log: covered days by function and week, gaps, and remedies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from panelstream.flows.panels import Snapshot
from panelstream.flows.workspace import Workspace
from panelstream.models.study.coverage import Coverage
from panelstream.models.study.coverage_gaps import (
    CoverageGap,
    LogStatements,
    list_gaps,
    time_span,
)
from panelstream.models.study.coverage_summary import (
    CoverageSummary,
    no_heartbeat_line,
    without_heartbeat,
)
from panelstream.models.study.study import Study
from panelstream.models.study.windows import days_to_instants
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.reads import read_heartbeats
from panelstream.models.warehouse.settling import settle

_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class CoveredWeek:
    """Covered days of a week that begins on a study-local Monday, within all windows."""

    week: date
    days: float
    covered: Mapping[str, float]
    """By function."""


@dataclass(frozen=True)
class StudyCoverage:
    """`weeks` in order, from the first window to the last; `windows`: how many there are."""

    weeks: Sequence[CoveredWeek]
    gaps: Sequence[CoverageGap]
    windows: int
    summary: CoverageSummary

    def as_dict(self) -> dict[str, Any]:
        """For `--json`: counts only, nobody's pseudonym."""
        gaps = [{**asdict(gap), "days": gap.days} for gap in self.gaps]
        return {**asdict(self), "gaps": gaps}


def read_coverage(workspace: Workspace, as_of: datetime | None = None) -> StudyCoverage:
    """The coverage of the study's own windows, as known at an instant (None: now)."""
    settle(workspace.store)
    snapshot, study = Snapshot(workspace, as_of or LATEST), workspace.folder.study
    windows = snapshot.person_windows(study.own_window)
    return StudyCoverage(
        weeks=list(_weeks(study, snapshot.coverage, time_span(windows).bounds)),
        gaps=list_gaps(study, snapshot.statements, windows),
        windows=int((windows.starts < windows.ends).sum()),
        summary=snapshot.coverage_summary,
    )


def heartbeat_lines(workspace: Workspace) -> Iterator[str]:
    """Which functions of the study have no heartbeat at all, with the remedy."""
    heartbeats = read_heartbeats(workspace.store, LATEST)
    heard = LogStatements(heartbeats, [], workspace.clock()).functions_heard()
    if functions := without_heartbeat(workspace.folder.study, heard):
        yield no_heartbeat_line(functions)


def _weeks(
    study: Study,
    coverage: Mapping[str, Coverage],
    span: tuple[np.datetime64, np.datetime64] | None,
) -> Iterator[CoveredWeek]:
    if span is None:
        return
    first, end = (_day(study, instant) for instant in span)
    monday = first - timedelta(days=first.weekday())
    mondays = [monday + n * _WEEK for n in range((end - monday).days // 7 + 1)]
    bounds = days_to_instants(
        pd.Series([*mondays, mondays[-1] + _WEEK], dtype="datetime64[s]"), study.zone
    )
    starts, ends = np.maximum(bounds[:-1], span[0]), np.minimum(bounds[1:], span[1])
    ends = np.maximum(starts, ends)
    lengths = (ends - starts) / np.timedelta64(1, "D")
    covered = {
        name: log.observed.days_within(starts, ends) for name, log in coverage.items()
    }
    for at, week in enumerate(mondays):
        if lengths[at]:
            of_week = {name: float(days[at]) for name, days in covered.items()}
            yield CoveredWeek(week, float(lengths[at]), of_week)


def _day(study: Study, instant: np.datetime64) -> date:
    at: datetime = instant.astype("datetime64[us]").item()
    return at.replace(tzinfo=UTC).astimezone(study.zone).date()
