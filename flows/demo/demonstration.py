"""`panelstream demo`: a simulated study through the whole path, truth beside estimate."""

import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import pandas as pd

from panelstream.flows import imports, panels, plan, results_folder
from panelstream.flows.analyse_study import analyse_study
from panelstream.flows.demo.recovery import Summary, compare
from panelstream.flows.display import Display
from panelstream.flows.workspace import open_workspace
from panelstream.ingest.pseudonymise import write_key
from panelstream.models import simulation
from panelstream.models.errors import UsageError
from panelstream.models.simulation import Simulation

MARKER = "demo.json"

Through = Literal["files", "kafka"]
"""How the events come in: read here, or sent to Kafka and taken by a worker."""


def run(
    out: Path,
    participants: int,
    waves: int,
    seed: int,
    show: Display,
    through: Through = "files",
) -> Summary:
    """Simulate into `out`, import, analyse, and compare. A second run changes no byte.

    Raises `UsageError` if `out` holds something else, or a demo of another size;
    through Kafka `Unreachable` where that or its worker does not serve.
    """
    began = time.monotonic()
    with show.working("Simulating"):
        simulate_files(out, participants, waves, seed)
    if through == "kafka":
        _through_kafka(out, show)
    with open_workspace(out) as workspace:
        plan.freeze(workspace)
        with show.reading() as progress:
            imports.import_folder(workspace, progress, events=through == "files")
        with show.working("Counting use"):
            built = panels.build(workspace)
        with show.steps("Fitting") as progress:
            analysis = analyse_study(workspace, built, progress)
        with show.working("Writing the report"):
            report = results_folder.write_results(analysis, out / "results")
    truth = pd.read_csv(out / "truth.csv")
    rows = tuple(compare(truth, analysis.results.estimates))
    return Summary(rows, time.monotonic() - began, report)


def _through_kafka(out: Path, show: "Display") -> None:
    from panelstream.flows.demo import through_kafka

    with open_workspace(out):
        pass  # a warehouse that cannot be had is told before anything is sent
    sources = imports.event_files(out)
    with show.reading() as progress:
        through_kafka.send(out, sources, progress)
    with show.working("The worker takes the events in"):
        through_kafka.take_in(out)


def simulate_files(out: Path, participants: int, waves: int, seed: int) -> None:
    """Write a simulated study's files and a key that belongs to its seed.

    The key is no secret: nobody real stands behind these participants.
    """
    wanted = Simulation(participants, waves, seed)
    _claim(out, wanted)
    simulation.simulate(wanted, out)
    key = out / "pseudonym.key"
    if not key.exists():
        write_key(key, hashlib.sha256(f"panelstream demo {seed}".encode()).digest())


def _claim(out: Path, wanted: Simulation) -> None:
    """Take an empty folder, or one that holds the very same demo."""
    marker, said = out / MARKER, json.dumps(asdict(wanted), default=str, sort_keys=True)
    if marker.exists() and marker.read_text(encoding="utf-8") != said:
        raise UsageError(
            f"{out} holds a demo of another size or seed; remove it, or give another --out"
        )
    if not marker.exists() and out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty and holds no demo; give another --out")
    out.mkdir(parents=True, exist_ok=True)
    marker.write_text(said, encoding="utf-8")
