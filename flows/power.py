"""The power of a plan: its studies simulated side by side, in processes.

A simulation's random numbers begin with the seed, the number of people and its own
number, so that the results hang neither on the processes nor on their order.
"""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from panelstream.analysis.panel.external import (
    PanelFile,
    read_panel_file,
    require_numbers,
)
from panelstream.analysis.plan.specifications import Specification, expand_plan
from panelstream.analysis.power.assumed import AssumedPeople, assumed_outcomes
from panelstream.analysis.power.curve import draw_power
from panelstream.analysis.power.pilot import PilotPeople
from panelstream.analysis.power.simulate import (
    Simulator,
    make_simulator,
    planned_effects,
)
from panelstream.analysis.power.summary import (
    people_needed,
    summarise_errors,
    summarise_simulations,
)
from panelstream.analysis.report.labels import labels
from panelstream.flows.results_folder import write_csv, write_json
from panelstream.models import config_file
from panelstream.models.errors import FileError
from panelstream.models.study.assumptions import AssumedOutcome
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import STUDY_FILE, load_panel_study, load_study
from panelstream.models.study.study import DAYS, Planned, Study

_RANGE_SHARE = 0.2
"""Standard deviation of a score of which nothing is known, as a share of its range."""
_DEFAULT_WINDOW_DAYS = 28


@dataclass(frozen=True)
class PowerRequest:
    """What a coordinator asks: how many people, how exactly, from which pilot."""

    people: tuple[int, ...] = ()
    simulations: int = 200
    seed: int = 1
    pilot: PanelFile | None = None


@dataclass(frozen=True, eq=False)
class PowerAnalysis:
    """Chances by people and coefficient, false ones by people, people needed.

    `assumptions`: what they rest on, for readers and programs.
    """

    chances: pd.DataFrame
    errors: pd.DataFrame
    needed: pd.DataFrame
    assumptions: dict[str, Any]
    labels: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "assumptions": self.assumptions,
            "chances": self.chances.to_dict("records"),
            "false": self.errors.to_dict("records"),
            "needed": [
                {**row, "needed": None if pd.isna(row["needed"]) else row["needed"]}
                for row in self.needed.to_dict("records")
            ],
        }


def analyse_power(
    folder: Path,
    request: PowerRequest,
    progress: Callable[[float, int], None] = lambda *_: None,
) -> PowerAnalysis:
    """Simulate the plan of `folder`/study.yaml, and count what is found.

    Raises `FileError` where there is no plan, no smallest effect, or a column missing.
    """
    study, study_folder = _load(folder, request.pilot)
    specifications = _planned(folder, study)
    if request.pilot is None:
        simulator, assumptions = _from_study(study_folder, specifications)
    else:
        simulator, assumptions = _from_pilot(study, request.pilot, specifications)
    people = request.people or study.power.people
    tasks = [
        (count, (request.seed, count, number))
        for count in people
        for number in range(request.simulations)
    ]
    simulated = _simulate(simulator, tasks, progress)
    chances = summarise_simulations(simulated)
    return PowerAnalysis(
        chances,
        summarise_errors(simulated),
        people_needed(chances),
        {**assumptions, "seed": request.seed, "simulations": request.simulations},
        labels(study_folder) if study_folder else {},
    )


def write_power(analysis: PowerAnalysis, out: Path) -> Path:
    """Write power.csv, power.json and power.svg into `out`; returns the figure's path."""
    out.mkdir(parents=True, exist_ok=True)
    write_csv(analysis.chances, out / "power.csv")
    write_json(analysis.as_dict(), out / "power.json")
    figure = out / "power.svg"
    figure.write_text(draw_power(analysis.chances, analysis.labels), encoding="utf-8")
    return figure


def _load(folder: Path, pilot: PanelFile | None) -> tuple[Planned, StudyFolder | None]:
    """A study with waves of its own, or one of a panel from elsewhere."""
    path = folder / STUDY_FILE
    if pilot and path.exists() and not _has_waves(path):
        return load_panel_study(folder).value, None
    loaded = load_study(folder)
    return loaded.study, loaded


def _has_waves(path: Path) -> bool:
    """Whether the file has the key of a study that is not of a panel from elsewhere."""
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return any(line.startswith("waves:") for line in lines)


def _planned(folder: Path, study: Planned) -> list[Specification]:
    """The specifications of the plan; at least one coefficient has a smallest effect."""
    path = folder / STUDY_FILE
    specifications = expand_plan(study)
    confirmatory = [entry for entry in specifications if entry.confirmatory]
    if not confirmatory:
        problem = "no plan; list what is to be tested under plan: confirmatory"
        raise FileError(path, "", problem)
    if not any(planned_effects(entry, study).any() for entry in confirmatory):
        outcomes = ", ".join(dict.fromkeys(entry.outcome for entry in confirmatory))
        problem = f"no smallest effect of {outcomes}; give it under smallest_effect"
        raise FileError(path, "", problem)
    return specifications


def _from_study(
    folder: StudyFolder | None, specifications: Sequence[Specification]
) -> tuple[Simulator, dict[str, Any]]:
    assert folder is not None
    study, assumed = folder.study, folder.study.power
    regressions = tuple(entry for entry in specifications if entry.confirmatory)
    _require_days(folder, regressions)
    sds = {
        name: _standard_deviation(folder, name)
        for name in assumed_outcomes(regressions)
    }
    rounds: dict[int, list[int]] = {}
    for wave in study.waves:
        rounds.setdefault(wave.round, []).append(wave.wave)
    people = AssumedPeople(
        regressions,
        assumed,
        tuple(map(tuple, rounds.values())),
        _window_days(study),
        sds,
    )
    return make_simulator(study, people, specifications), {
        "from": "assumptions",
        "waves": [wave.wave for wave in study.waves],
        "window_days": people.window_days,
        "sd": sds,
        **assumed.model_dump(exclude={"people", "outcomes"}),
        "outcomes": {
            name: assumed.of_outcome(name).model_dump(exclude={"sd"}) for name in sds
        },
    }


def _from_pilot(
    study: Planned, pilot: PanelFile, specifications: Sequence[Specification]
) -> tuple[Simulator, dict[str, Any]]:
    panel = read_panel_file(pilot)
    regressions = [entry for entry in specifications if entry.confirmatory]
    for entry in regressions:
        columns = (*entry.columns, entry.outcome, *entry.varying, *entry.fixed)
        for name in columns:
            if name not in panel:
                remedy = config_file.nearest(name, [str(n) for n in panel.columns])
                raise FileError(pilot.path, "", f"no column '{name}'; {remedy}")
        numeric = (entry.outcome, *entry.columns, *entry.varying)
        require_numbers(pilot, panel, numeric, entry.fixed)
    return make_simulator(study, PilotPeople(panel), specifications, panel), {
        "from": "pilot",
        "pilot_people": int(panel["participant_id"].nunique()),
        "waves": sorted(int(wave) for wave in panel["wave"].unique()),
    }


def _require_days(folder: StudyFolder, regressions: Sequence[Specification]) -> None:
    """Without a pilot, use is known as active days a week only."""
    for entry in regressions:
        if entry.measure != DAYS:
            problem = (
                f"use as {entry.measure} cannot be assumed (in '{entry.specification}'); "
                "give a pilot panel with --pilot"
            )
            raise FileError(folder.path / STUDY_FILE, "", problem)


def _standard_deviation(folder: StudyFolder, outcome: str) -> float:
    """As the study file says, else from the range of the score."""
    assumed: AssumedOutcome = folder.study.power.of_outcome(outcome)
    if assumed.sd is not None:
        return assumed.sd
    for instrument in folder.instruments:
        for scale in instrument.scales:
            bounds = instrument.bounds(scale)
            if instrument.column(scale) == outcome and bounds:
                return _RANGE_SHARE * (bounds[1] - bounds[0])
    problem = (
        f"the range of {outcome} is not known; give power: outcomes: {outcome}: sd"
    )
    raise FileError(folder.path / STUDY_FILE, "", problem)


def _window_days(study: Study) -> int:
    """Days over which use is counted before a wave: the usual length of a window."""
    window = study.exposure.window
    if window.days:
        return window.days
    spans = [
        later.span[0] - earlier.span[1]
        for earlier, later in zip(study.waves, study.waves[1:], strict=False)
        if later.round == earlier.round
    ]
    days = spans or [study.exposure.first_window_days or _DEFAULT_WINDOW_DAYS]
    return max(sorted(days)[len(days) // 2], 1)


def _simulate(
    simulator: Simulator,
    tasks: Sequence[tuple[int, tuple[int, int, int]]],
    progress: Callable[[float, int], None],
) -> list[tuple[int, pd.DataFrame]]:
    """Every task in processes of their own, in the order of the tasks.

    When interrupted, no further simulation begins, and the processes end with theirs.
    """
    pool = ProcessPoolExecutor(
        max_workers=min(os.cpu_count() or 1, len(tasks)),
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(simulator,),
    )
    try:
        futures = [pool.submit(_run, *task) for task in tasks]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            progress(done, len(tasks))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [
        (people, future.result())
        for (people, _), future in zip(tasks, futures, strict=True)
    ]


_SIMULATOR: list[Simulator] = []
"""Of this process, so that it is not sent with each task."""


def _begin(simulator: Simulator) -> None:
    """Keep the simulator; Ctrl-C is for the process that waits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _SIMULATOR.append(simulator)


def _run(people: int, seed: tuple[int, int, int]) -> pd.DataFrame:
    return _SIMULATOR[0].simulate(people, seed)
