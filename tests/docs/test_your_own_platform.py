"""docs/how-to/your-own-platform.md is executed: its blocks end in a report."""

from pathlib import Path

import pandas as pd

from tests.docs import shells
from tests.docs.test_tutorial import printed, shown

PAGE = "docs/how-to/your-own-platform.md"


def test_the_page_runs_and_ends_in_a_report(tmp_path: Path) -> None:
    """Someone with another platform who copies the blocks gets estimates and a report."""
    steps = list(shown(PAGE))
    outputs = shells.run([script for script, _ in steps], tmp_path)
    missing = [
        f"{line!r} not in:\n{output}"
        for (_, lines), output in zip(steps, outputs, strict=True)
        for line in lines
        if not printed(line, output)
    ]
    assert not missing, "\n".join(missing)
    results = tmp_path / "results"
    assert (results / "public/report.html").stat().st_size > 10_000
    estimates = pd.read_csv(results / "private/estimates.csv")
    confirmatory = estimates[estimates["confirmatory"]]
    assert set(confirmatory["term"]) == {"post_days_per_week", "thank_days_per_week"}
    assert confirmatory["estimate"].notna().all()


def test_the_commands_are_ten() -> None:
    """The title keeps its promise: the last block has ten lines."""
    script, _ = list(shown(PAGE))[-1]
    assert len(script.splitlines()) == 10
