"""`make bench-exposure`: measured use in windows against Polars, DuckDB and a GROUP BY.

100 million events take 4 minutes to make, 14 GB of disk while they are merged, and
20 minutes to measure on two cores; `--events 10000000` takes about six minutes in all.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console

from bench import expose_with_duckdb, expose_with_polars
from bench.exposure_log import FUNCTIONS, PEOPLE, WAVES, our_cells, rival_cells
from bench.peers import compare, once, show

KINDS = ("between_waves", "lookback")
POLARS, DUCKDB = "bench.expose_with_polars", "bench.expose_with_duckdb"
RIVALS = (
    ("Polars", POLARS, expose_with_polars.PLAIN.__getitem__, "3"),
    ("DuckDB", DUCKDB, lambda _: expose_with_duckdb.PLAIN, "3"),
    ("Polars, told the order of the file", POLARS, lambda _: ("marked",), "–"),
    ("DuckDB, with days as bits, as we do it", DUCKDB, lambda _: ("bits",), "–"),
)
"""Name, module, variants of a kind of windows, and what to reach."""
RUNS = 3


def measure_exposure(events: int, place: Path) -> None:
    """Print the rows of the table for logs of a hundredth, a tenth and all of `events`."""
    folders = {n: place / str(n) for n in (events // 100, events // 10, events)}
    for size, folder in folders.items():
        if not folder.exists():
            subprocess.run(
                [sys.executable, "-m", "bench.exposure_log", str(folder), str(size)],
                check=True,
            )
    for kind in KINDS:
        measure_rivals(folders[events], events, kind)
        measure_plain(folders[events], events, kind)
    _row("by events", {n: ours(folder, KINDS[0]) for n, folder in folders.items()})
    for kind in KINDS:
        cases = {n: ours(folders[events], kind, n) for n in (2, 4, WAVES)}
        _row(f"by waves, {kind}", cases)
    _whole_panel(folders[events])


def ours(folder: Path, kind: str, waves: int = WAVES) -> tuple[str, ...]:
    """The words that run ours."""
    return ("bench.expose_with_panelstream", str(folder), kind, str(waves))


def measure_rivals(folder: Path, events: int, kind: str) -> None:
    """Ours against the best variant of each rival; all cells must be the same."""
    once(ours(folder, kind))
    for name, module, variants, reach in RIVALS:
        seconds = {}
        for variant in variants(kind):
            seconds[variant] = once((module, str(folder), kind, variant))["seconds"]
            _check_cells(folder)
        best = min(seconds, key=lambda one: seconds[one])
        pair = compare(
            f"{kind}, {name}",
            ours(folder, kind),
            (module, str(folder), kind, best),
            RUNS,
        )
        show(
            f"exposure, {kind}, {PEOPLE:,} × {WAVES}",
            f"{name} ({best} of {', '.join(seconds)}; same cells)",
            pair,
            events,
            reach,
        )


def measure_plain(folder: Path, events: int, kind: str) -> None:
    """Ours against a plain GROUP BY of the same log."""
    pair = compare(
        kind, ours(folder, kind), ("bench.group_with_clickhouse", str(folder)), RUNS
    )
    show(f"exposure, {kind}", "GROUP BY person, function", pair, events, "0.5")


def _check_cells(folder: Path) -> None:
    """Stop if a rival has counted anything else."""
    rival = pq.read_table(rival_cells(folder)).to_pydict()
    place = (
        np.array(rival["who"]) * WAVES + np.array(rival["wave"]) - 1,
        [FUNCTIONS.index(one) for one in rival["function"]],
    )
    with np.load(our_cells(folder)) as cells:
        for name in ("events", "days"):
            expected = np.zeros((PEOPLE * WAVES, len(FUNCTIONS)))
            expected[place] = rival[name]
            np.testing.assert_array_equal(cells[name], expected)


def _row(what: str, cases: Mapping[int, Sequence[str]]) -> None:
    """Medians of ours over several cases."""
    told = []
    for case, words in cases.items():
        runs = [once(words) for _ in range(RUNS)]
        seconds = statistics.median(run["seconds"] for run in runs)
        told.append(f"{case:,}: {seconds:.2f} s")
    _say(f"exposure {what}: {', '.join(told)}")


def _whole_panel(folder: Path) -> None:
    run = once(("bench.build_panels", str(folder)))
    _say(
        f"panels of the shipped study file, two windows, {PEOPLE:,} × {WAVES}: "
        f"{run['seconds']:.0f} s, peak {run['megabytes']:,.0f} MB (to reach: < 6,000)"
    )


def _say(text: str) -> None:
    Console().print(text, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.exposure")
    parser.add_argument("--events", type=int, default=100_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        measure_exposure(asked.events, Path(temporary))
