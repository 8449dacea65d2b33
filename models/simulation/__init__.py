"""A study that never was: the files of a platform and a coordinator, truth known.

`simulate` writes what a real study would have, and `truth.csv` with the planted
effects. `simulate_panel` draws the same people, use and scores without the files.
The same plan gives the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from panelstream.models.arrays import Integers, Mask
from panelstream.models.simulation import events, forms, responses, scores, use
from panelstream.models.simulation.timeline import Timeline
from panelstream.models.simulation.use import Use
from panelstream.models.simulation.world import FUNCTIONS, PHQ9, SCORES
from panelstream.models.study.load import STUDY_FILE
from panelstream.models.study.template import study_text

__all__ = ["Simulation", "simulate", "simulate_panel", "truth"]

STUDY = "u2plus-panel"


@dataclass(frozen=True)
class Simulation:
    """How large a study, which one of its kind, and when it took place.

    By default it is over, since events from the future are rejected on arrival.

    Raises `ValueError` without a participant or a wave.
    """

    participants: int = 350
    waves: int = 6
    seed: int = 1
    first_opens_on: date = date(2024, 1, 8)

    def __post_init__(self) -> None:
        if self.participants < 1 or self.waves < 1:
            raise ValueError("a study has at least one participant and one wave")

    @property
    def timeline(self) -> Timeline:
        """The days of the study."""
        return Timeline(self.first_opens_on, self.waves)


@dataclass(frozen=True)
class _Draw:
    """What happened: use, points of every score, and who answered when."""

    use: Use
    points: dict[str, Integers]
    answered: Mask


def simulate(
    plan: Simulation,
    out: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write study.yaml, roster.csv, responses/, events/ and truth.csv into `out`.

    `forms/` holds the same answers once more, as Google Forms would export them.

    `progress` is told the lines of the log that are written, and their number.
    """
    draw, files = _draw(plan), _stream(plan, 1)
    subjects = _subjects(plan.participants, files)
    for folder in ("events", "responses", "forms"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    _write_study(plan, out)
    truth().to_csv(out / "truth.csv", index=False, lineterminator="\n")
    responses.write_roster(out / "roster.csv", subjects, plan.timeline, files)
    for wave_index in range(plan.waves):
        _write_wave(plan, draw, wave_index, subjects, out, files)
    log = out / "events" / "events.ndjson.gz"
    events.write_log(log, subjects, draw.use, plan.timeline, files, progress)


def simulate_panel(plan: Simulation) -> pd.DataFrame:
    """The panel of the study that `simulate` would write, had nobody skipped an item.

    One row per participant and wave with `<function>_days`, `_days_per_week` (in the
    window between waves) and, where the wave was answered, the scores and the PHQ-9
    of the wave before.
    """
    draw = _draw(plan)
    columns = {**_keys(plan), **_exposure_columns(plan, draw), **_score_columns(draw)}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def truth() -> pd.DataFrame:
    """The planted effects: points of the outcome per active day a week more.

    Columns outcome, exposure (a function), component (within, between), estimate.
    They hold for the five functions jointly, and for signing in alone. A person's
    mean is over all windows, those of unanswered waves included; from answered
    waves only, a between estimate is drawn a little (2 to 4 % of the way) to the
    within effect.
    """
    rows = [
        (score.column, name, component, effects.get(name, 0.0))
        for score in SCORES
        for name in FUNCTIONS
        for component, effects in (
            ("within", score.effects.within),
            ("between", score.effects.between),
        )
    ]
    return pd.DataFrame(rows, columns=["outcome", "exposure", "component", "estimate"])


def _stream(plan: Simulation, number: int) -> np.random.Generator:
    """One of independent streams: 0 draws the study, 1 its files."""
    return np.random.default_rng([plan.seed, number])


def _draw(plan: Simulation) -> _Draw:
    rng = _stream(plan, 0)
    used = use.draw_use(plan.participants, plan.timeline, rng)
    points = scores.draw_scores(used, rng)
    return _Draw(
        used, points, scores.draw_participation(used, points[PHQ9.column], rng)
    )


def _subjects(people: int, rng: np.random.Generator) -> list[str]:
    """Ids as the platform hands them out; most of its users are not in the study."""
    numbers = np.sort(rng.choice(60 * people, people, replace=False)) + 1
    return [f"user-{number:06d}" for number in numbers]


def _write_study(plan: Simulation, out: Path) -> None:
    text = study_text(STUDY, plan.waves, plan.first_opens_on)
    (out / STUDY_FILE).write_text(text, encoding="utf-8")


def _write_wave(
    plan: Simulation,
    draw: _Draw,
    wave_index: int,
    subjects: list[str],
    out: Path,
    rng: np.random.Generator,
) -> None:
    name = f"wave{wave_index + 1}.csv"
    respondents = np.flatnonzero(draw.answered[:, wave_index])
    answers = responses.draw_answers(
        draw.points, draw.use, wave_index, respondents, rng
    )
    responses.write_wave(
        out / "responses" / name,
        [subjects[person] for person in respondents],
        answers,
        plan.timeline.opening(wave_index),
        plan.timeline,
        rng,
    )
    forms.write_form(out / "responses" / name, out / "forms" / name, wave_index + 1)


def _keys(plan: Simulation) -> dict[str, NDArray[Any]]:
    people, waves = np.indices((plan.participants, plan.waves))
    ids = np.array([f"{person:032x}" for person in range(plan.participants)])
    return {"participant_id": ids[people], "wave": waves + 1, "wave_index": waves}


def _exposure_columns(plan: Simulation, draw: _Draw) -> dict[str, NDArray[Any]]:
    windows = [plan.timeline.window(index) for index in range(plan.waves)]
    weeks = np.array([(window.stop - window.start) / 7 for window in windows])
    columns: dict[str, NDArray[Any]] = {}
    for name in FUNCTIONS:
        columns[f"{name}_days"] = np.round(draw.use.exposures[name] * weeks)
        columns[f"{name}_days_per_week"] = draw.use.exposures[name]
    return columns


def _score_columns(draw: _Draw) -> dict[str, NDArray[Any]]:
    columns = {
        score.column: np.where(
            draw.answered,
            score.to_score(draw.points[score.column].astype(float)),
            np.nan,
        )
        for score in SCORES
    }
    previous = np.roll(columns[PHQ9.column], 1, axis=1)
    previous[:, 0] = np.nan
    return {**columns, f"{PHQ9.column}_previous": previous}
