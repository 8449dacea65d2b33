"""A rival: Polars counts the same from Parquet without repetitions.

Arguments: folder, kind of windows, variant. Parquet lies in our table's order, people
are small numbers and Tokyo is nine hours ahead: what an expert would make use of.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from polars import LazyFrame, col

from bench.exposure_log import EVENTS, WINDOWS, rival_cells
from bench.measuring import measured

EACH = ("who", "wave", "function")
IN_WINDOW = (col("day") >= col("observable_from")) & (
    col("day") < col("observable_until")
)


def join(events: LazyFrame, windows: LazyFrame) -> LazyFrame:
    """Events with the windows of their person; distinct days in a second step."""
    inside = events.join(windows, on="who").filter(IN_WINDOW)
    days = inside.group_by(*EACH, "day").agg(events=pl.len())
    return days.group_by(*EACH).agg(col("events").sum(), days=pl.len())


def distinct(events: LazyFrame, windows: LazyFrame) -> LazyFrame:
    """The same in one step."""
    inside = events.join(windows, on="who").filter(IN_WINDOW)
    return inside.group_by(*EACH).agg(events=pl.len(), days=col("day").n_unique())


def rollup(events: LazyFrame, windows: LazyFrame) -> LazyFrame:
    """Use a day first, then the windows."""
    use = events.group_by("who", "function", "day").agg(events=pl.len())
    inside = use.join(windows, on="who").filter(IN_WINDOW)
    return inside.group_by(*EACH).agg(col("events").sum(), days=pl.len())


def calendar(events: LazyFrame, windows: LazyFrame) -> LazyFrame:
    """For windows that all people share: from the day to the wave."""
    shared = windows.select("wave", "observable_from", "observable_until").unique()
    days = pl.date_ranges("observable_from", "observable_until", closed="left")
    waves = shared.select("wave", day=days).explode("day")
    inside = events.join(waves, on="day")
    use = inside.group_by(*EACH, "day").agg(events=pl.len())
    return use.group_by(*EACH).agg(col("events").sum(), days=pl.len())


def marked(events: LazyFrame, windows: LazyFrame) -> LazyFrame:
    """Trusts the order of the file: a day begins where the row before has another one."""
    keys = ("who", "function", "day")
    begins = pl.any_horizontal(col(key).ne_missing(col(key).shift()) for key in keys)
    inside = (
        events.with_columns(begins=begins).join(windows, on="who").filter(IN_WINDOW)
    )
    return inside.group_by(*EACH).agg(events=pl.len(), days=col("begins").sum())


PLAIN: Mapping[str, tuple[str, ...]] = {
    "between_waves": ("join", "distinct", "rollup", "calendar"),
    "lookback": ("join", "distinct", "rollup"),
}
"""Those that know no more of the file than what is in it."""

if __name__ == "__main__":
    folder, kind, variant = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    day = (col("occurred_at") + pl.duration(hours=9)).dt.date()
    with measured():
        events = pl.scan_parquet(folder / EVENTS).select("who", "function", day=day)
        windows = pl.scan_parquet(folder / WINDOWS.format(kind))
        found = globals()[variant](events, windows).collect(engine="streaming")
    found.write_parquet(rival_cells(folder))
