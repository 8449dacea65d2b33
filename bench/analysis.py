"""`make bench-analysis`: fits of 24,000 participants × 8 waves, in their own processes.

Against pyfixest (of the extra `bench`) and lme4, where they are there; the rest by
itself.
"""

import math
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from bench.fitting import PARTICIPANTS, WAVES
from bench.peers import Pair, compare, once, show
from panelstream.analysis.estimation.estimators import ESTIMATORS

OURS = "bench.fit_with_panelstream"
ALONE = ("gee", "gmm", "ri_clpm")
LAYERS = ("attrition", "imputed", "delta")


def main() -> None:
    """Print the table."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        panel = str(Path(folder) / "panel.parquet")
        with console.status("a panel"):
            # A process takes its parent's peak of memory for its own.
            once(("bench.fitting", panel))
        against_pyfixest(console, panel)
        against_lme4(console, panel)
        by_themselves(console, panel)


def against_pyfixest(console: Console, panel: str) -> None:
    """One fit of fixed effects: when all is warm, and from the start of a process."""
    if find_spec("pyfixest") is None:
        console.print("pyfixest is not here: make bench-analysis brings it")
        return
    for mode, what in (("warm", "warm"), ("once", "the first of a process")):
        ours, peer = (
            (OURS, panel, "fixed_effects", mode),
            (
                "bench.fit_with_pyfixest",
                panel,
                mode,
            ),
        )
        _require_same(once(ours), once(peer), 1e-9)
        _show(f"fixed effects, {what}", "pyfixest", compare(what, ours, peer))


def against_lme4(console: Console, panel: str) -> None:
    """One within-between fit; lme4 is spared the deviations and clustered errors."""
    if shutil.which("Rscript") is None:
        console.print("R is not here: no lme4")
        return
    ours, peer = (OURS, panel, "within_between", "warm"), ("bench.fit_with_lme4", panel)
    _require_same(once(ours), once(peer), 1e-6)
    _show("within-between, warm", "lme4", compare("lme4", ours, peer, runs=2))


def by_themselves(console: Console, panel: str) -> None:
    """The plan's fits, and each estimator and layer that takes longer."""
    rows: list[tuple[str, tuple[str, ...]]] = [
        ("48 fits and their diagnostics", ("bench.fit_plan", panel))
    ]
    fits = [name for name in ALONE if name in ESTIMATORS]
    fits += [f"fixed_effects+{layer}" for layer in LAYERS]
    rows += [(name, (OURS, panel, name, "once")) for name in fits]
    for what, words in rows:
        with console.status(what):
            found = once(words)
        seconds, memory = found["seconds"], found["megabytes"]
        console.print(
            f"{what}: {seconds:.1f} s, peak {memory:,.0f} MB", highlight=False
        )


def _require_same(ours: dict[str, float], peer: dict[str, float], rel: float) -> None:
    if not math.isclose(ours["estimate"], peer["estimate"], rel_tol=rel):
        raise RuntimeError(f"not the same: {ours} and {peer}")


def _show(what: str, peer: str, pair: Pair) -> None:
    show(what, peer, pair, PARTICIPANTS * WAVES, "1")


if __name__ == "__main__":
    main()
