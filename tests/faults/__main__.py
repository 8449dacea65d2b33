"""`make test-faults`: a million events, sixty faults; prints the ledger, fails if it is off.

`python -m tests.faults [EVENTS [SEED [FAULTS]]]`; FAULTS: only those whose kind begins
so. What the processes said stays in build/faults until the next run.
"""

import shutil
import sys
from collections.abc import Sequence

from tests.faults import drill, ledger, schedule
from tests.faults.drill import Pace
from tests.lib.streams import ROOT

EVENTS, RATE, SEED = 1_000_000, 1_500, 1
_WEEKS = 40


def main(words: Sequence[str]) -> int:
    """Run the long schedule; 0 where nothing is lost, doubled, a false zero, or slow."""
    events, seed, kind = [*words, *(str(EVENTS), str(SEED), "")[len(words) :]]
    folder = ROOT / "build" / "faults"
    shutil.rmtree(folder, ignore_errors=True)
    faults = [
        fault
        for fault in schedule.plan(schedule.LONG, int(seed))
        if fault.kind.startswith(kind)
    ]
    pace = Pace(int(seed), RATE, int(events) // _WEEKS)
    outcome = drill.run(folder, faults, int(events), pace, say=say)
    for line in [*ledger.lines(outcome.verdict), *outcome.lines()]:
        say(line)
    return 0 if outcome.sound and outcome.within_bounds else 1


def say(line: str) -> None:
    """Show a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
