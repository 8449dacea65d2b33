"""The fuzzer finds nothing: no exception, sums that add up, no planted value quoted."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lib.streams import ROOT


@pytest.mark.long
@pytest.mark.parametrize(("target", "runs"), [("lines", 100_000), ("records", 1_500)])
def test_fuzz(target: str, runs: int, tmp_path: Path) -> None:
    """As often as that, led by what the code covers; a finding is shown whole."""
    pytest.importorskip("atheris", reason="there is one for Linux on x86-64 only")
    options = [f"-runs={runs}", "-seed=1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.long.fuzz", target, *options],
        env={"PYTHONPATH": f"{ROOT}", "HOME": f"{tmp_path}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    # The code of its exit says nothing: the embedded engine may not go down in order.
    assert f"Done {runs} runs" in done.stderr, done.stderr[-5_000:]
