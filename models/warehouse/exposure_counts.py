"""Counts of measured use in planned windows, by the engine, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from panelstream.models.arrays import Array
from panelstream.models.errors import PanelstreamError
from panelstream.models.study.study import Study
from panelstream.models.study.use import MeasuredUse
from panelstream.models.study.windows import DAY
from panelstream.models.warehouse import projection_rows
from panelstream.models.warehouse.act_parameters import lost
from panelstream.models.warehouse.store import Store

_BITS = 64
_BELOW = np.array([(1 << bit) - 1 for bit in range(_BITS + 1)], np.uint64)
"""Numbers whose lowest bits are set: none, one, and so on."""
_BINS_AT_ONCE = 1 << 25
"""The engine holds 16 bytes for each, and we as many; so one query stays near 1 GB."""


@dataclass(frozen=True)
class DayCells:
    """Days cut where any window begins or ends.

    `days`: all of them, since 1970, and the first one after all windows; `of_day`: the
    cell of each, from 1.
    """

    days: list[int]
    of_day: list[int]

    @property
    def number(self) -> int:
        """How many there are, with cell 0 for all other days."""
        return self.of_day[-1] + 1

    @property
    def blocks(self) -> int:
        """How many blocks of 64 days there are, with block 0 for all other days."""
        return 2 + (len(self.days) - 1) // _BITS

    def offsets(self, days: pd.Series) -> np.ndarray:
        """Days after the first one."""
        return np.asarray(days.to_numpy(DAY).astype(np.int64) - self.days[0])

    def at(self, days: pd.Series) -> np.ndarray:
        """The cells of some of the days."""
        return np.asarray(np.array(self.of_day)[self.offsets(days)])


def cut(starts: pd.Series, ends: pd.Series) -> DayCells:
    """The cells of windows from `starts` until the days before `ends`."""
    bounds = np.unique(np.concatenate([starts, ends]).astype(DAY).astype(np.int64))
    days = np.arange(bounds[0], bounds[-1] + 1)
    return DayCells(days.tolist(), np.searchsorted(bounds, days, "right").tolist())


def count_use(
    store: Store, study: Study, name: str, rows: pd.DataFrame, as_of: datetime
) -> MeasuredUse:
    """Events and active days of each function in each row's observable window.

    `rows`: as `windows.plan` returns them; `name`: what `exposure_windows` calls
    their windows. NaN where a row has no window.
    """
    width = len(study.exposure.functions)
    use = np.full((2, len(rows), width), np.nan)
    planned = projection_rows.observable(rows)
    if not planned.empty:
        has_window = rows.index.isin(planned.index)
        use[:, has_window] = _count(store, study, name, planned, as_of)
        [row] = store.query("planned_windows", panel=name).to_pylist()
        if row["planned"] != len(planned):
            raise PanelstreamError(
                "planned windows are gone; run 'panelstream rebuild'"
            )
    return MeasuredUse(*use)


def _count(
    store: Store, study: Study, name: str, planned: pd.DataFrame, as_of: datetime
) -> Array:
    """Events and active days (2, rows, functions)."""
    cells = cut(planned["observable_from"], planned["observable_until"])
    functions = list(study.exposure.functions)
    bins = cells.number * len(functions)
    use = np.empty((2, len(planned), len(functions)))
    for people in _portions(planned["participant_id"], bins):
        counted = _known_at(
            store,
            as_of,
            **lost(study),
            panel=name,
            people_from=people[0],
            people_until=people[-1],
            zone=study.timezone,
            functions=functions,
            first_day=cells.days[0],
            days=cells.days,
            cells=cells.of_day,
            bins=bins,
            bins_from=[at * cells.number for at in range(len(functions))],
            sets=cells.blocks * len(functions),
            sets_from=[at * cells.blocks for at in range(len(functions))],
        )
        rows = planned["participant_id"].between(people[0], people[-1]).to_numpy()
        use[:, rows] = _in_windows(counted, planned[rows], cells, len(functions))
    return use


def _portions(participants: pd.Series, bins: int) -> Iterator[np.ndarray]:
    """People in their order, so many at a time as memory allows; `bins` for each."""
    people = np.unique(participants.to_numpy())
    portions = min(len(people), 1 + len(people) * bins // _BINS_AT_ONCE)
    return iter(np.array_split(people, portions))


def _known_at(store: Store, as_of: datetime, **parameters: Any) -> pa.Table:
    """What was known at an instant; the engine is faster where that is everything.

    A batch is in the ledger before its events: if none is there that is later than
    `as_of` once all is counted, none was there before.
    """
    if _last_accepted(store) <= as_of:
        counted = store.query("exposures", as_of=as_of, everything=True, **parameters)
        if _last_accepted(store) <= as_of:
            return counted
    return store.query("exposures", as_of=as_of, everything=False, **parameters)


def _last_accepted(store: Store) -> datetime:
    [row] = store.query("last_accepted_at").to_pylist()
    last: datetime = row["last"]
    return last


def _in_windows(
    counted: pa.Table, planned: pd.DataFrame, cells: DayCells, width: int
) -> Array:
    """Events and active days of each window (2, rows, width); 0 for who did nothing."""
    person = pd.Index(counted["participant"]).get_indexer(planned["participant_id"])
    active = person >= 0
    start, end = planned["observable_from"][active], planned["observable_until"][active]
    use = np.zeros((2, len(planned), width))
    cumulative = _by_person(counted["event_counts"], width).cumsum(
        axis=2, dtype=np.int64
    )
    use[0, active] = cumulative[person[active], :, cells.at(end) - 1]
    use[0, active] -= cumulative[person[active], :, cells.at(start) - 1]
    sets = _by_person(counted["active_days"], width)[person[active]]
    use[1, active] = _bits(sets, cells.offsets(start), cells.offsets(end))
    return use


def _by_person(lists: pa.ChunkedArray, width: int) -> np.ndarray:
    """Lists of equal length as (people, width, the rest)."""
    flat = lists.combine_chunks().flatten().to_numpy()
    return np.asarray(flat.reshape(len(lists), width, -1 if len(lists) else 0))


def _bits(sets: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """How many days from `start` until before `end` (n,) are in sets (n, width, blocks)."""
    days = np.zeros(sets.shape[:2], np.int64)
    for block in range(1, sets.shape[2]):
        first = (block - 1) * _BITS
        low, high = (np.clip(day - first, 0, _BITS) for day in (start, end))
        window = _BELOW[high] & ~_BELOW[low]
        days += np.bitwise_count(sets[:, :, block] & window[:, None])
    return days
