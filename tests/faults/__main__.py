"""`make test-faults`: a million events, fifty faults; prints the ledger, fails if it is off.

What the processes said stays in build/faults until the next run.
"""

import shutil
import sys

from tests.faults import drill, ledger, schedule
from tests.lib.streams import ROOT

EVENTS, RATE, SEED = 1_000_000, 1_500, 1


def main(events: int = EVENTS, seed: int = SEED) -> int:
    """Run the long schedule; 0 where nothing is lost or doubled."""
    folder = ROOT / "build" / "faults"
    shutil.rmtree(folder, ignore_errors=True)
    faults = schedule.plan(schedule.LONG, seed)
    outcome = drill.run(folder, faults, events, RATE, seed, say=say)
    for line in [*ledger.lines(outcome.verdict), *outcome.lines()]:
        say(line)
    return 0 if outcome.verdict.sound else 1


def say(line: str) -> None:
    """Show a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
