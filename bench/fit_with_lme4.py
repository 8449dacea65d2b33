"""The peer of within-between: lme4, given deviations and means. Argument: the panel.

The memory is that of the R process.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from bench.fitting import bench_specification
from bench.measuring import tell
from panelstream.analysis.estimation.design import build_design
from panelstream.analysis.estimation.estimators.within_between import decompose
from panelstream.analysis.estimation.inference import identify

REPEATS = 2
SCRIPT = Path(__file__).with_name("fit_with_lme4.R")


def main(path: str) -> None:
    """Write the columns, let R fit them, pass on what it measured."""
    design = build_design(bench_specification("within_between"), pd.read_parquet(path))
    columns = decompose(design)[0]
    frame = pd.DataFrame(columns[:, identify(columns).basis]).add_prefix("x")
    frame.insert(0, "y", design.outcome)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "columns.csv"
        frame.assign(person=design.persons).to_csv(file, index=False)
        done = subprocess.run(
            ["Rscript", str(SCRIPT), str(file), str(REPEATS)],
            capture_output=True,
            text=True,
            check=True,
        )
    result = json.loads(done.stdout.splitlines()[-1])
    tell(result["seconds"], resource.RUSAGE_CHILDREN, estimate=result["estimate"])


if __name__ == "__main__":
    main(*sys.argv[1:])
