"""What is derived and kept for readers, by chunks: windows, coverage, measured use."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial

import numpy as np
import pandas as pd
import pyarrow as pa

from flows.projections import Build, Chunk
from models.coverage import Coverage
from models.study import Study, Window
from models.windows import days_to_instants

_INSTANT = pa.timestamp("us", "UTC")
_MEASURES = {
    "event_count": "count",
    "active_days": "days",
    "days_per_week": "days_per_week",
    "frequency": "frequency",
}
"""Columns of `fact_exposure`, and what the panel calls them after `<function>_`."""


def window_chunks(planned: Mapping[Window, pd.DataFrame]) -> Iterator[Chunk]:
    """The observable windows, as `models.windows.plan` returns them; one chunk each."""
    for window, rows in planned.items():
        yield Chunk(window.name, partial(_windows, window, rows))


def coverage_chunks(coverage: Mapping[str, Coverage]) -> Iterator[Chunk]:
    """The times for which the log of each function is whole; one chunk each."""
    for function, one in coverage.items():
        yield Chunk(function, partial(_intervals, function, one))


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
        made = cache(partial(_facts, study, window, rows, coverage, panel))
        for wave in study.waves:
            yield Chunk(f"{window.name} {wave.wave}", partial(_wave, made, wave.wave))


def panel_name(build: Build, window: Window) -> str:
    """What `exposure_windows` calls the windows of a build and a kind."""
    return f"{build.name} {window.name}"


def observable(rows: pd.DataFrame) -> pd.DataFrame:
    """The planned rows that have a window."""
    return rows.dropna(subset=["seen_from", "seen_until"])


def _windows(window: Window, rows: pd.DataFrame, build: Build) -> pa.Table:
    rows = observable(rows)
    since = rows["since_on"].fillna(rows["seen_until"])
    return pa.table(
        {
            "panel": pa.repeat(panel_name(build, window), len(rows)),
            "participant_id": _participants(rows),
            "wave": pa.array(rows["wave"], pa.uint16()),
            "start_on": pa.array(rows["seen_from"].dt.date, pa.date32()),
            "end_on": pa.array(rows["seen_until"].dt.date, pa.date32()),
            "since_on": pa.array(since.dt.date, pa.date32()),
        }
    )


def _intervals(function: str, coverage: Coverage, build: Build) -> pa.Table:
    whole = coverage.observed
    return _with_build(
        {
            "function": pa.repeat(function, len(whole.starts)),
            "covered_from": _instants(whole.starts),
            "covered_until": _instants(whole.ends),
        },
        build,
    )


def _facts(
    study: Study,
    window: Window,
    rows: pd.DataFrame,
    coverage: Mapping[str, Coverage],
    panel: Callable[[Window], pd.DataFrame],
) -> pd.DataFrame:
    made = panel(window)
    seen = [
        days_to_instants(rows[one], study.zone) for one in ("seen_from", "seen_until")
    ]
    shared = made[["participant_id", "wave", "window_start", "window_end"]]
    each = []
    for name in study.exposure.functions:
        measures = {to: made[f"{name}_{of}"] for to, of in _MEASURES.items()}
        observed = coverage[name].observed.days_within(seen[0], seen[1])
        each.append(shared.assign(function=name, observed_days=observed, **measures))
    return pd.concat(each).assign(window=window.name)


def _wave(made: Callable[[], pd.DataFrame], wave: int, build: Build) -> pa.Table:
    facts = made()
    rows = facts[facts["wave"] == wave].sort_values(["participant_id", "function"])
    numbers = ("observed_days", "event_count", "active_days", "days_per_week")
    return _with_build(
        {
            "window": pa.array(rows["window"], pa.string()),
            "participant_id": _participants(rows),
            "wave": pa.array(rows["wave"], pa.uint16()),
            "function": pa.array(rows["function"], pa.string()),
            "window_start": _instants(rows["window_start"]),
            "window_end": _instants(rows["window_end"]),
            **{name: _numbers(rows[name], pa.float64()) for name in numbers},
            "frequency": _numbers(rows["frequency"], pa.uint8()),
        },
        build,
    )


def _with_build(columns: Mapping[str, pa.Array], build: Build) -> pa.Table:
    rows, basis = pa.table(dict(columns)), build.basis
    same = {
        "build": pa.scalar(build.name),
        "study_version": pa.scalar(basis.study_version),
        "as_of": pa.scalar(basis.as_of, _INSTANT),
    }
    for name, value in same.items():
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    return rows


def _participants(rows: pd.DataFrame) -> pa.Array:
    return pa.array(
        [bytes.fromhex(one) for one in rows["participant_id"]], pa.binary(16)
    )


def _numbers(values: pd.Series, kind: pa.DataType) -> pa.Array:
    """NaN, which is not known, as null."""
    return pa.array(np.asarray(values, float), from_pandas=True).cast(kind)


def _instants(values: pd.Series | np.ndarray) -> pa.Array:
    plain = pd.Series(pd.to_datetime(values, utc=True)).dt.as_unit("us")
    return pa.Array.from_pandas(plain, type=_INSTANT)
