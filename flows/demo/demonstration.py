"""`panelstream demo`: a simulated study through the whole path, estimates beside the truth."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from panelstream.flows import folder_import, imports, panels, plan, results_folder
from panelstream.flows.analyse_study import analyse_study
from panelstream.flows.demo.recovery import Summary, compare
from panelstream.flows.display import Display
from panelstream.flows.workspace import open_workspace
from panelstream.ingest.pseudonymise import write_key
from panelstream.models import simulation
from panelstream.models.errors import UsageError
from panelstream.models.settings.environment import Settings
from panelstream.models.simulation import Simulation

MARKER = "demo.json"


def run_demo(
    settings: Settings,
    simulated: Simulation,
    show: Display,
    kafka_environ: Mapping[str, str] | None = None,
) -> Summary:
    """Simulate into the study folder, import, analyse, compare with the truth.

    A second run changes no byte. With `kafka_environ`, the environment of the worker
    that is started for it, the events go through Kafka. Raises `UsageError` if the
    folder holds something else, or a demo of another size; through Kafka `Unreachable`
    where Kafka or the worker fails.
    """
    began, out = time.monotonic(), settings.study
    with show.working("Simulating"):
        simulate_files(out, simulated)
    if kafka_environ is not None:
        _send_through_kafka(settings, kafka_environ, show)
    with open_workspace(settings) as workspace:
        plan.lock_plan(workspace)
        with show.reading() as progress:
            folder_import.import_folder(
                workspace, progress, events=kafka_environ is None
            )
        with show.working("Counting use"):
            built = panels.build(workspace)
        with show.steps("Fitting") as progress:
            analysis = analyse_study(workspace, built, progress)
        with show.working("Writing the report"):
            report = results_folder.write_results(analysis, out / "results")
    truth = pd.read_csv(out / "truth.csv")
    rows = tuple(compare(truth, analysis.results.estimates))
    return Summary(rows, time.monotonic() - began, report)


def _send_through_kafka(
    settings: Settings, environ: Mapping[str, str], show: Display
) -> None:
    from panelstream.flows.demo import through_kafka

    with open_workspace(settings):
        pass  # a warehouse that cannot be opened is reported before anything is sent
    sources = imports.event_files(settings.study)
    with show.reading() as progress:
        through_kafka.send_events(settings, sources, progress)
    with show.working("The worker stores the events"):
        through_kafka.store_events(settings, environ)


def simulate_files(out: Path, simulated: Simulation) -> None:
    """Write a simulated study's files, and a key that follows from its seed.

    The key is not secret: the participants are not real.
    """
    _claim_folder(out, simulated)
    simulation.simulate(simulated, out)
    key = out / "pseudonym.key"
    if not key.exists():
        secret = f"panelstream demo {simulated.seed}".encode()
        write_key(key, hashlib.sha256(secret).digest())


def _claim_folder(out: Path, simulated: Simulation) -> None:
    """Take an empty folder, or one that holds the same demo."""
    marker = out / MARKER
    size = json.dumps(asdict(simulated), default=str, sort_keys=True)
    if marker.exists() and marker.read_text(encoding="utf-8") != size:
        raise UsageError(
            f"{out} holds a demo of another size or seed; remove it, or give another --out"
        )
    if not marker.exists() and out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty and holds no demo; give another --out")
    out.mkdir(parents=True, exist_ok=True)
    marker.write_text(size, encoding="utf-8")
