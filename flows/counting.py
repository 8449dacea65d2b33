"""Counts of measured use in planned windows, by the engine, in bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.panel import Use
from flows import derived
from flows.measures import lost
from models.errors import PanelstreamError
from models.store import Store
from models.study import Study
from models.windows import DAY

_BITS = 64
_BINS_AT_ONCE = 1 << 25
"""The engine holds 32 bytes for each; so one query stays near 1 GB."""


@dataclass(frozen=True)
class Cells:
    """Days cut where any window begins or ends, and after 64 days at the latest.

    `of_day`: the cell of each day from `first_day` (since 1970) on, from 1; the last
    day is the first one after all windows.
    """

    first_day: int
    of_day: list[int]

    @property
    def number(self) -> int:
        """How many there are, with cell 0 for all other days."""
        return self.of_day[-1] + 1


def cut(starts: pd.Series, ends: pd.Series) -> Cells:
    """The cells of windows from `starts` until the days before `ends`."""
    bounds = np.unique(np.concatenate([starts, ends]).astype(DAY).astype(np.int64))
    days = np.arange(bounds[0], bounds[-1] + 1)
    after = days - bounds[np.searchsorted(bounds, days, "right") - 1]
    return Cells(int(days[0]), np.cumsum(after % _BITS == 0).tolist())


def count_use(
    store: Store, study: Study, name: str, rows: pd.DataFrame, as_of: datetime
) -> Use:
    """Events and active days of each function in each row's observable window.

    `rows`: by participant_id and wave, as `models.windows.plan` returns them; `name`:
    what `exposure_windows` calls their windows. NaN where a row has no window.
    """
    width = len(study.exposure.functions)
    counts, days = (np.full((len(rows), width), np.nan) for _ in range(2))
    planned = derived.observable(rows)
    if not planned.empty:
        place = rows.index.get_indexer(planned.index)
        counts[place], days[place] = _count(store, study, name, planned, as_of)
    return Use(counts, days)


def _count(
    store: Store, study: Study, name: str, planned: pd.DataFrame, as_of: datetime
) -> tuple[np.ndarray, np.ndarray]:
    cells = cut(planned["seen_from"], planned["seen_until"])
    functions = list(study.exposure.functions)
    bins = cells.number * len(functions)

    def count(everything: bool) -> pa.Table:
        parts = [
            store.query(
                "exposures",
                **lost(study),
                panel=name,
                people_from=some[0],
                people_until=some[-1],
                as_of=as_of,
                everything=everything,
                zone=study.timezone,
                functions=functions,
                offsets=[at * cells.number for at in range(len(functions))],
                cells=cells.of_day,
                first_day=cells.first_day,
                bins=bins,
            )
            for some in _portions(planned["participant_id"], bins)
        ]
        return pa.concat_tables(parts)

    counted = _known_at(store, as_of, count)
    _check(counted, planned)
    return (
        _numbers(counted["event_counts"], len(functions)),
        _numbers(counted["active_days"], len(functions)),
    )


def _known_at(
    store: Store, as_of: datetime, count: Callable[[bool], pa.Table]
) -> pa.Table:
    """What was known at an instant; told that it is everything, `count` is faster.

    A batch is in the ledger before its events: if none is there that is later than
    `as_of` once all is counted, none was there before.
    """
    if _last_accepted(store) <= as_of:
        counted = count(True)
        if _last_accepted(store) <= as_of:
            return counted
    return count(False)


def _last_accepted(store: Store) -> datetime:
    [row] = store.query("last_accepted_at").to_pylist()
    last: datetime = row["last"]
    return last


def _portions(people: pd.Series, bins: int) -> Iterator[np.ndarray]:
    """People in their order, so many at a time as memory allows; `bins` for each."""
    names = people.unique()
    portions = min(len(names), 1 + len(names) * bins // _BINS_AT_ONCE)
    return iter(np.array_split(names, portions))


def _check(counted: pa.Table, planned: pd.DataFrame) -> None:
    """What was counted is in the order of what was planned."""
    waves = counted["waves"].combine_chunks()
    people = counted["participant"].combine_chunks().take(waves.value_parent_indices())
    same = (
        len(people) == len(planned)
        and (people.to_numpy(False) == planned["participant_id"].to_numpy()).all()
        and (waves.flatten().to_numpy() == planned["wave"].to_numpy()).all()
    )
    if not same:
        raise PanelstreamError("planned windows are gone; run 'panelstream rebuild'")


def _numbers(lists: pa.ChunkedArray, width: int) -> np.ndarray:
    flat: np.ndarray = lists.combine_chunks().flatten().to_numpy()
    return flat.astype(float).reshape(-1, width)
