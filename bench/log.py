"""Event files for benchmarks: as a platform writes them, the same from the same seed."""

import json
from pathlib import Path

import numpy as np

KINDS = (
    "signed_in",
    "reaction_given",
    "story_viewed",
    "cycle_posted",
    "funcan_posted",
    "column_posted",
)
SHARES = (0.3, 0.35, 0.17, 0.06, 0.06, 0.06)
PEOPLE = 12_000


def write_log(path: Path, lines: int, bad_share: float = 0.0, seed: int = 1) -> None:
    """Write `lines` events over ten months; of them `bad_share` cannot be accepted."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(len(KINDS), lines, p=SHARES)
    people = rng.integers(0, PEOPLE, lines)
    times = np.datetime64("2024-01-01", "ms") + rng.integers(0, 26_000_000_000, lines)
    bad = rng.random(lines) < bad_share
    ids = rng.bytes(16 * lines).hex()
    with path.open("w", encoding="ascii") as file:
        for row in range(lines):
            line = _line(
                ids[32 * row : 32 * row + 32], kinds[row], people[row], times[row]
            )
            file.write(_spoilt(line, row) if bad[row] else line)
            file.write("\n")


def _line(identity: str, kind: int, person: int, at: np.datetime64) -> str:
    data = (
        {"kind": "like", "target": "story"} if KINDS[kind] == "reaction_given" else {}
    )
    return json.dumps(
        {
            "specversion": "1.0",
            "id": identity,
            "source": "u2plus.web",
            "type": f"u2plus.{KINDS[kind]}",
            "time": f"{at}Z",
            "subject": f"user-{person:06d}",
            "datacontenttype": "application/json",
            "data": data,
        },
        separators=(",", ":"),
    )


def _spoilt(line: str, row: int) -> str:
    """One of four ways in which lines are bad, by turns."""
    return (
        line[:100],
        line.replace("u2plus.", "elsewhere.", 2),
        line.replace('"data":{', '"data":{"text":"x",', 1).replace(",}", "}"),
        line.replace('"time":"2024', '"time":"2999', 1),
    )[row % 4]
