"""Runs two programs in turn, in processes of their own, and sets their times side by side."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import track


@dataclass(frozen=True)
class Pair:
    """Seconds of ours and of the peer, pair by pair, and the peak memory in MB."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]
    ours_memory: float
    peer_memory: float

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer we are: the median over the pairs."""
        return statistics.median(
            p / o for o, p in zip(self.ours, self.peer, strict=True)
        )


def compare(what: str, ours: Sequence[str], peer: Sequence[str], runs: int = 5) -> Pair:
    """Run `python -m MODULE ARGS` of both in turn, after one warm-up of each.

    Each prints one line of JSON: {"seconds": ..., "megabytes": ...}.
    """
    once(ours), once(peer)
    pairs = [
        (once(ours), once(peer)) for _ in track(range(runs), f"{what} ", transient=True)
    ]
    return Pair(
        tuple(a["seconds"] for a, _ in pairs),
        tuple(b["seconds"] for _, b in pairs),
        max(a["megabytes"] for a, _ in pairs),
        max(b["megabytes"] for _, b in pairs),
    )


def once(words: Sequence[str]) -> dict[str, float]:
    """Run one module and read what it measured of itself."""
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def show(what: str, peer: str, pair: Pair, rows: int, reach: str) -> None:
    """One row of the table."""
    Console().print(
        f"{what} against {peer}: {pair.ratio:.2f} times as fast (to reach: {reach})\n"
        f"  ours {_spread(pair.ours)}, {rows / statistics.median(pair.ours):,.0f} rows/s, "
        f"peak {pair.ours_memory:,.0f} MB\n"
        f"  peer {_spread(pair.peer)}, {rows / statistics.median(pair.peer):,.0f} rows/s, "
        f"peak {pair.peer_memory:,.0f} MB",
        highlight=False,
        soft_wrap=True,
    )


def _spread(seconds: Sequence[float]) -> str:
    return (
        f"{statistics.median(seconds):.2f} s "
        f"({min(seconds):.2f} to {max(seconds):.2f}, {len(seconds)} runs)"
    )
