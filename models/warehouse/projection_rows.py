"""What is derived and kept for readers, by chunks: windows, coverage, measured use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
import pyarrow as pa

from panelstream.models.study.coverage import Coverage, PersonWindows
from panelstream.models.study.intervals import Intervals
from panelstream.models.study.study import Study, Window
from panelstream.models.study.windows import DAY
from panelstream.models.timestamps import EARLIEST
from panelstream.models.warehouse.projections import Build, Chunk

_INSTANT = pa.timestamp("us", "UTC")
_NO_INTERVALS = Intervals.merge([])
_NOTHING = Intervals(*[np.array([EARLIEST.date()], "datetime64[us]")] * 2)
"""The row of a participant of whom no time is covered: an interval without length."""
_MEASURES = {
    "event_count": "count",
    "active_days": "days",
    "days_per_week": "days_per_week",
    "frequency": "frequency",
}
"""Columns of `fact_exposure`, and what the panel calls them after `<function>_`."""


def window_chunks(planned: Mapping[Window, pd.DataFrame]) -> Iterator[Chunk]:
    """The observable windows, as `windows.plan` returns them; one chunk each."""
    for window, rows in planned.items():
        yield Chunk(window.name, partial(_windows, window, rows))


def coverage_chunks(coverage: Mapping[str, Coverage]) -> Iterator[Chunk]:
    """The times for which the log of each function is whole; one chunk each."""
    for function, covered in coverage.items():
        yield Chunk(function, partial(_intervals, function, covered))


def person_coverage_chunks(coverage: Mapping[str, Coverage]) -> Iterator[Chunk]:
    """The same for participants of whom less is known; one chunk each function."""
    for function, covered in coverage.items():
        yield Chunk(function, partial(_person_intervals, function, covered))


def fact_chunks(
    study: Study,
    planned: Mapping[Window, pd.DataFrame],
    coverage: Mapping[str, Coverage],
    panel: Callable[[Window], pd.DataFrame],
) -> Iterator[Chunk]:
    """Measured use by function; one chunk a window and wave.

    `panel` builds the panel of a window, whose rows are those of `planned`; it is
    asked only for windows of which a chunk is missing.
    """
    for window, rows in planned.items():
        derive_facts = cache(
            partial(_facts, study, rows, coverage, partial(panel, window))
        )
        for wave in study.waves:
            facts = partial(_wave, derive_facts, window, wave.wave)
            yield Chunk(f"{window.name} {wave.wave}", facts)


def panel_name(build: Build, window: Window) -> str:
    """What `exposure_windows` calls the windows of a build and a kind."""
    return f"{build.name} {window.name}"


def observable(rows: pd.DataFrame) -> pd.DataFrame:
    """The planned rows that have a window."""
    return rows.dropna(subset=["observable_from", "observable_until"])


def _windows(window: Window, rows: pd.DataFrame, build: Build) -> pa.Table:
    rows = observable(rows)
    since_on = rows["since_on"].fillna(rows["observable_until"])
    return pa.table(
        {
            "panel": pa.repeat(panel_name(build, window), len(rows)),
            "participant_id": participant_hashes(rows),
            "wave": pa.array(rows["wave"], pa.uint16()),
            "start_on": _days(rows["observable_from"]),
            "end_on": _days(rows["observable_until"]),
            "since_on": _days(since_on),
        }
    )


def _intervals(function: str, coverage: Coverage, build: Build) -> pa.Table:
    observed = coverage.observed
    return with_build(
        {
            "function": pa.repeat(function, len(observed.starts)),
            "covered_from": instants(observed.starts),
            "covered_until": instants(observed.ends),
        },
        build,
    )


def _person_intervals(function: str, coverage: Coverage, build: Build) -> pa.Table:
    observed = {
        person: intervals if len(intervals.starts) else _NOTHING
        for person, intervals in sorted(coverage.observed_of.items())
    }
    people = pa.array([bytes.fromhex(person) for person in observed], pa.binary(16))
    numbers = [len(intervals.starts) for intervals in observed.values()]
    of_all = [_NO_INTERVALS, *observed.values()]
    return with_build(
        {
            "participant_id": people.take(
                pa.array(np.repeat(np.arange(len(people)), numbers))
            ),
            "function": pa.repeat(function, sum(numbers)),
            "covered_from": instants(np.concatenate([i.starts for i in of_all])),
            "covered_until": instants(np.concatenate([i.ends for i in of_all])),
        },
        build,
    )


@dataclass(frozen=True)
class _Facts:
    """Rows of a panel, and what was measured: arrays (rows, functions) by column."""

    rows: pd.DataFrame
    functions: Sequence[str]
    measured: Mapping[str, np.ndarray]


def _facts(
    study: Study,
    rows: pd.DataFrame,
    coverage: Mapping[str, Coverage],
    panel: Callable[[], pd.DataFrame],
) -> _Facts:
    panel_rows, functions = panel(), sorted(study.exposure.functions)
    observable = PersonWindows.planned(rows, study, "observable_from")
    observed = [coverage[name].observed_days(observable) for name in functions]
    measured = {
        column: panel_rows[[f"{name}_{suffix}" for name in functions]].to_numpy(float)
        for column, suffix in _MEASURES.items()
    }
    keys = panel_rows[["participant_id", "wave", "window_start", "window_end"]]
    return _Facts(keys, functions, {"observed_days": np.stack(observed, 1), **measured})


def _wave(
    derive_facts: Callable[[], _Facts], window: Window, wave: int, build: Build
) -> pa.Table:
    """The facts of a wave, in the order in which their table is sorted."""
    facts = derive_facts()
    chosen = (facts.rows["wave"] == wave).to_numpy()
    rows, width = facts.rows[chosen], len(facts.functions)
    measured = {name: values[chosen].ravel() for name, values in facts.measured.items()}
    repeats = np.repeat(np.arange(len(rows)), width)
    return with_build(
        {
            "window": pa.repeat(window.name, len(repeats)),
            "participant_id": participant_hashes(rows).take(repeats),
            "wave": pa.repeat(pa.scalar(wave, pa.uint16()), len(repeats)),
            "function": pa.array(list(facts.functions) * len(rows), pa.string()),
            "window_start": instants(rows["window_start"]).take(repeats),
            "window_end": instants(rows["window_end"]).take(repeats),
            **{name: pa.array(v, from_pandas=True) for name, v in measured.items()},
        },
        build,
    )


def with_build(columns: Mapping[str, pa.Array], build: Build) -> pa.Table:
    """Columns with those of the build that the rows belong to."""
    rows, basis = pa.table(dict(columns)), build.basis
    same = {
        "build": pa.scalar(build.name),
        "study_version": pa.scalar(basis.study_version),
        "as_of": pa.scalar(basis.as_of, _INSTANT),
    }
    for name, value in same.items():
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    return rows


def participant_hashes(rows: pd.DataFrame) -> pa.Array:
    """`participant_id` of each row (n,) as the warehouse stores it."""
    places, people = pd.factorize(rows["participant_id"])
    identities = pa.array([bytes.fromhex(name) for name in people], pa.binary(16))
    return identities.take(pa.array(places))


def _days(values: pd.Series) -> pa.Array:
    return pa.array(values.to_numpy(DAY), pa.date32())


def instants(values: pd.Series | np.ndarray) -> pa.Array:
    """UTC instants as the warehouse stores them."""
    plain = pd.Series(pd.to_datetime(values, utc=True)).dt.as_unit("us")
    return pa.Array.from_pandas(plain, type=_INSTANT)
