"""Small simulated studies for the tests of what is reported."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.estimates import ESTIMATE_COLUMNS, TEST_COLUMNS
from panelstream.analysis.estimation.invariance import INVARIANCE_COLUMNS
from panelstream.analysis.panel.agreement import agreement_statistics
from panelstream.analysis.panel.reliability import RELIABILITY_COLUMNS
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.release import ReleasedTable, release
from panelstream.analysis.report.tables import REPORT_TABLES, build_tables
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.study.study import Window

STUDY = """
study: u2plus-panel
title: {en: "Objective function use, stigma and help-seeking on U2plus"}
timezone: Asia/Tokyo
waves:
  - {wave: 1, opens_on: 2027-01-11, closes_on: 2027-01-31}
  - {wave: 2, opens_on: 2027-04-12, closes_on: 2027-05-02}
  - {wave: 3, opens_on: 2027-07-12, closes_on: 2027-08-01}
  - {wave: 4, opens_on: 2027-10-11, closes_on: 2027-10-31}
instruments: [phq9, pdd, ghsq, function_use, demographics]
exposure:
  window: between_waves
  first_window_days: 91
  functions: [sign_in, reaction, story, cycle, funcan, column]
outcomes: [pdd_total, ghsq_formal, ghsq_informal, phq9_total]
smallest_effect:
  {per: one active day a week more, pdd_total: 2.0, ghsq_formal: 0.2}
plan:
  confirmatory:
    - specification: functions
      estimator: within_between
      outcomes: [pdd_total, ghsq_formal, ghsq_informal]
      exposures: [reaction, story, cycle, funcan, column]
    - specification: signing_in
      estimator: within_between
      outcomes: [pdd_total, ghsq_formal, ghsq_informal]
      exposures: [sign_in]
  sensitivity: [fixed_effects]
  exploratory:
    - specification: one_by_one
      estimator: fixed_effects
      outcomes: [phq9_total]
      exposures_each: [story, column]
      measure: count
      transform: log1p
"""

SMALL_STUDY = """
study: forum
title: A small <forum> & its "members"
timezone: Europe/Athens
catalogue: forum.yaml
enrolment: activity
consent: external
coverage: assumed
waves:
  - {wave: 1, opens_on: 2027-01-04, closes_on: 2027-01-10}
  - {wave: 2, opens_on: 2027-01-11, closes_on: 2027-01-17}
  - {wave: 3, opens_on: 2027-06-07, closes_on: 2027-06-13, round: 2}
  - {wave: 4, opens_on: 2027-06-14, closes_on: 2027-06-20, round: 2}
instruments: [mood.yaml]
exposure: {window: {lookback: 7}, functions: [post, reply]}
outcomes: [mood_calm]
plan:
  exploratory:
    - specification: together
      estimator: fixed_effects
      outcomes: [mood_calm]
      exposures: [post, reply]
      measure: count
      transform: log1p
"""

SMALL_CATALOGUE = """
catalogue: forum
namespace: forum
sources: [forum]
functions: [post, reply]
labels: {post: {en: "Posts <b>&</b> $threads$"}}
types:
  forum.posted: {function: post}
  forum.replied: {function: reply}
"""

SMALL_INSTRUMENT = """
instrument: mood
title: {en: Mood}
reference: made up for the tests
licence: none
scales:
  - {code: calm, label: {en: Calm}, delivered: true, low: 0, high: 10}
"""

LIMITS = (3.5, 25, 97, 239)
"""Active days a year from which the survey's next answer applies."""


@dataclass(frozen=True)
class Inputs:
    """What the report is made of."""

    folder: StudyFolder
    panel: pd.DataFrame
    estimates: pd.DataFrame
    tests: pd.DataFrame
    reliability: pd.DataFrame
    manifest: dict[str, Any]
    invariance: pd.DataFrame

    @property
    def panels(self) -> dict[Window, pd.DataFrame]:
        """The panel by its window; these studies have one."""
        return {self.folder.study.exposure.window: self.panel}

    @property
    def data(self) -> ReportInput:
        """The same, as the report takes it."""
        return ReportInput(
            self.folder,
            self.panels,
            self.estimates,
            self.tests,
            self.reliability,
            self.manifest,
            self.invariance,
            agreement_statistics(self.panel, self.folder.study.exposure.functions),
        )

    def released(self) -> dict[str, ReleasedTable]:
        """The report's tables by name, released."""
        tables = release(build_tables(REPORT_TABLES, self.data), self.data.rule)
        return {table.name: table for table in tables}


def u2plus(path: Path) -> Inputs:
    """Four waves of 240 people on six functions, with a confirmatory plan."""
    (path / "study.yaml").write_text(STUDY, encoding="utf-8")
    folder = load_study(path)
    rng = np.random.default_rng(20270111)
    return Inputs(
        folder=folder,
        panel=_u2plus_panel(folder, 240, rng),
        estimates=_u2plus_estimates(rng),
        tests=_tests(),
        reliability=_reliability(folder),
        manifest=manifest(),
        invariance=_invariance(folder),
    )


def forum(path: Path) -> Inputs:
    """Two rounds of a small study without a confirmatory plan; few in the end."""
    for name, text in {
        "study.yaml": SMALL_STUDY,
        "forum.yaml": SMALL_CATALOGUE,
        "mood.yaml": SMALL_INSTRUMENT,
    }.items():
        (path / name).write_text(text, encoding="utf-8")
    folder = load_study(path)
    rows = [
        estimate(
            specification="together",
            outcome="mood_calm",
            exposure=name,
            estimator="fixed_effects",
            measure="count",
            transform="log1p",
            confirmatory=False,
            estimate=0.21,
            n_obs=55,
            n_participants=31,
        )
        for name in ("post", "reply")
    ]
    return Inputs(
        folder=folder,
        panel=_forum_panel(np.random.default_rng(7)),
        estimates=pd.DataFrame(rows, columns=list(ESTIMATE_COLUMNS)),
        tests=pd.DataFrame(columns=list(TEST_COLUMNS)),
        reliability=pd.DataFrame(columns=list(RELIABILITY_COLUMNS)),
        invariance=pd.DataFrame(columns=list(INVARIANCE_COLUMNS)),
        manifest=manifest(),
    )


def manifest() -> dict[str, Any]:
    """A manifest with a small count in it."""
    return {
        "as_of": "2027-11-02T00:00:00.000000Z",
        "study_version": "0123456789abcdef",
        "plan": {
            "hash": "a" * 16,
            "locked": False,
            "locks": [
                {
                    "hash": "b" * 16,
                    "locked_at": "2027-01-10T09:00:00+00:00",
                    "responses": 0,
                    "study_version": "c" * 16,
                    "given": {},
                },
                {
                    "hash": "d" * 16,
                    "locked_at": "2027-05-10T09:00:00+00:00",
                    "responses": 213,
                    "study_version": "e" * 16,
                    "given": {"1": 221, "2": 3},
                },
            ],
            "confirmatory": ["functions"],
            "deviations": [
                {
                    "key": "plan.confirmatory.signing_in.measure",
                    "before": "count",
                    "after": "days_per_week",
                }
            ],
            "post_hoc": ["functions: ghsq_formal"],
            "changes": [
                {
                    "version": 1,
                    "key": "timezone",
                    "before": "Asia/Tokyo",
                    "after": "Asia/Seoul",
                    "touches": "every estimate that was locked",
                }
            ],
            "waves": [
                {
                    "wave": 1,
                    "open": "2027-01-11 to 2027-01-24",
                    "first_answer": "2027-01-11T03:00:00+00:00",
                },
                {
                    "wave": 2,
                    "open": "2027-05-10 to 2027-05-23",
                    "first_answer": None,
                },
            ],
        },
        "data_hash": "b" * 64,
        "coverage": {
            "windows": 960,
            "dead_letters": 6,
            "letter_functions": ["story"],
            "letter_days": 2,
            "conflicts": 0,
            "reclassified": 0,
            "log_gaps": 0,
            "null_windows": {"dead letters": 240},
            "without_heartbeat": [],
            "without_event": [],
        },
        "versions": {"panelstream": "0.3.0", "numpy": "2.4.0"},
        "counts": {
            "received": 104213,
            "accepted": 104204,
            "rejected": 6,
            "refused": 3,
            "stored": 104102,
            "duplicate": 98,
            "conflicting": 4,
        },
        "epochs": {"erasure": 1, "retention": 0},
    }


def estimate(**changed: Any) -> dict[str, Any]:
    """One row of estimates.csv; what is not given is plausible."""
    row: dict[str, Any] = {
        "specification": "functions",
        "outcome": "pdd_total",
        "component": "within",
        "exposure": "reaction",
        "measure": "days_per_week",
        "transform": "none",
        "estimator": "within_between",
        "timing": "same",
        "weights": "none",
        "missing": "complete",
        "estimate": -1.0,
        "std_error": 0.4,
        "std_error_type": "cluster_person_cr1",
        "n_changing": 120,
        "largest_share": 0.1,
        "sole_person": False,
        "reservations": "",
        "n_obs": 803,
        "n_participants": 238,
        "n_waves": 4,
        "floor_share": 0.25,
        "ceiling_share": 0.05,
        "confirmatory": True,
        "post_hoc": False,
        "note": "",
        **changed,
    }
    centre, error = row["estimate"], row["std_error"]
    row.setdefault("exposures", row["exposure"])
    row.setdefault("title", row["specification"].replace("_", " "))
    row.setdefault("term", f"{row['exposure']}_{row['measure']}")
    row.setdefault("statistic", centre / error)
    row.setdefault("df", row["n_participants"] - 1)
    row.setdefault("p_value", float(np.exp(-((centre / error) ** 2) / 1.4)))
    row.setdefault("ci_low", centre - 1.97 * error)
    row.setdefault("ci_high", centre + 1.97 * error)
    row.setdefault("standardized", centre / 10)
    for missing in ("p_adjusted", "equivalence_p", "larger_p", "verdict"):
        row.setdefault(missing, np.nan)
    return row


def frame_tests(
    rows: Iterable[tuple[Any, ...]], denominator: float = np.nan
) -> pd.DataFrame:
    """Rows of tests.csv from specification, outcome, test, statistic, df, p and note."""
    names = ("specification", "outcome", "test", "statistic", "df", "p_value", "note")
    frame = pd.DataFrame(rows, columns=list(names)).reindex(columns=list(TEST_COLUMNS))
    return frame.assign(exposures="", term="", df_denominator=denominator)


def _u2plus_panel(
    folder: StudyFolder, people: int, rng: np.random.Generator
) -> pd.DataFrame:
    ids = [f"{n:032x}" for n in range(people)]
    index = pd.MultiIndex.from_product(
        [ids, [1, 2, 3, 4]], names=["participant_id", "wave"]
    )
    panel = index.to_frame(index=False)
    panel["wave_index"], panel["round"] = panel["wave"] - 1, 1
    answered = (
        rng.random(len(panel)) < np.array([0.92, 0.8, 0.72, 0.66])[panel["wave_index"]]
    )
    opened = pd.to_datetime("2027-01-12", utc=True) + pd.to_timedelta(
        91 * panel["wave_index"], unit="D"
    )
    panel["responded_at"] = opened.where(answered)
    for position, name in enumerate(folder.study.exposure.functions):
        _add_use(panel, name, 1.9 / (1 + 1.2 * position), rng)
    unknown = panel["wave"] == 2
    for column in ("count", "days", "days_per_week", "frequency"):
        panel[f"cycle_{column}"] = panel[f"cycle_{column}"].mask(unknown)
    _add_scores(panel, answered, people, rng)
    _add_signs(panel, answered)
    return panel


def _add_use(
    panel: pd.DataFrame, name: str, mean: float, rng: np.random.Generator
) -> None:
    usual = np.repeat(rng.gamma(0.8, mean / 0.8, len(panel) // 4), 4)
    days = np.minimum(rng.poisson(13 * usual), 91).astype(float)
    panel[f"{name}_count"] = days * 2
    panel[f"{name}_days"] = days
    panel[f"{name}_days_per_week"] = days / 13
    yearly = days / 91 * 365.25
    panel[f"{name}_frequency"] = np.where(
        days == 0, 0.0, 1.0 + np.searchsorted(LIMITS, yearly, side="right")
    )
    shift = rng.integers(-1, 2, len(panel))
    panel[f"{name}_self_report"] = np.clip(panel[f"{name}_frequency"] + shift, 0, 5)


def _add_scores(
    panel: pd.DataFrame, answered: Any, people: int, rng: np.random.Generator
) -> None:
    shapes = {
        "pdd_total": (36.0, 9.0),
        "ghsq_formal": (4.5, 1.3),
        "ghsq_informal": (3.7, 1.3),
        "phq9_total": (12.4, 7.0),
    }
    for name, (mean, sd) in shapes.items():
        person = np.repeat(rng.normal(0, sd * 0.8, people), 4)
        drift = -0.06 * sd * panel["wave_index"]
        values = mean + person + drift + rng.normal(0, sd * 0.6, len(panel))
        panel[name] = pd.Series(values).where(
            answered & (rng.random(len(panel)) > 0.03)
        )
        panel[f"{name}_missing"] = panel[name].isna().astype(float)


def _add_signs(panel: pd.DataFrame, answered: Any) -> None:
    """Item 9 of one person in six, a line of one in nine, contradictions of few."""
    place = np.arange(len(panel)) // 4
    for name, one_in in (
        ("phq9_thoughts", 6),
        ("pdd_total_straightlined", 9),
        ("pdd_total_inconsistent", 100),
    ):
        flag = pd.Series(place % one_in == 0).astype("Int8")
        panel[name] = flag.where(pd.Series(answered))


def _reliability(folder: StudyFolder) -> pd.DataFrame:
    """Alpha .82 and omega .84 of every scale of several items, in four waves."""
    rows: list[dict[str, Any]] = []
    for instrument in folder.instruments:
        for scale in instrument.scales:
            shared: dict[str, Any] = {"score": instrument.column(scale), "round": 1}
            for wave in (1, 2, 3, 4) if len(scale.items) > 1 else ():
                common = {**shared, "wave": wave, "n": 190 - 9 * wave}
                rows += [
                    {**common, "statistic": "alpha", "value": 0.82},
                    {**common, "statistic": "omega", "value": 0.84},
                    {**common, "statistic": "floor", "value": 12 / common["n"]},
                    {**common, "statistic": "ceiling", "value": 2 / common["n"]},
                ]
                rows += [
                    {
                        **common,
                        "statistic": "item_rest",
                        "item": code,
                        "value": 0.6 - at / 50,
                    }
                    for at, code in enumerate(scale.items)
                ]
    return pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS))


def _invariance(folder: StudyFolder) -> pd.DataFrame:
    """Of every scale of three items or more; the scalar model was not fitted."""
    fits: list[dict[str, Any]] = [
        {"model": "configural", "chi_square": 61.2, "df": 48, "cfi": 0.991},
        {"model": "metric", "chi_square": 70.4, "df": 57, "cfi": 0.989},
        {"model": "scalar", "note": "not estimable: the model has no maximum"},
    ]
    scores = [
        instrument.column(scale)
        for instrument in folder.instruments
        for scale in instrument.scales
        if len(scale.items) > 2
    ]
    rows = [
        {"score": score, "round": 1, "n": 180, "conclusion": "", **fit}
        for score in scores
        for fit in fits
    ]
    return pd.DataFrame(rows, columns=list(INVARIANCE_COLUMNS))


def _u2plus_estimates(rng: np.random.Generator) -> pd.DataFrame:
    scale = {"pdd_total": 1.0, "ghsq_formal": 0.12, "ghsq_informal": 0.12}
    known = {
        ("pdd_total", "reaction"): (-1.21, "associated"),
        ("ghsq_formal", "column"): (0.16, "associated"),
        ("pdd_total", "sign_in"): (-0.04, "negligible"),
    }
    rows = []
    for outcome, unit in scale.items():
        for name in ("reaction", "story", "cycle", "funcan", "column", "sign_in"):
            drawn = (float(rng.normal(0, 0.4 * unit)), "undecided")
            centre, verdict = known.get((outcome, name), drawn)
            shared = {
                "specification": "signing_in" if name == "sign_in" else "functions",
                "outcome": outcome,
                "exposure": name,
            }
            within = estimate(**shared, estimate=centre, std_error=0.32 * unit)
            adjusted = min(1.0, within["p_value"] * 9)
            rows.append(
                {
                    **within,
                    "p_adjusted": adjusted,
                    "equivalence_p": 0.2,
                    "verdict": verdict,
                }
            )
            other = float(rng.normal(0, 0.9 * unit))
            rows.append(
                estimate(
                    **shared, component="between", estimate=other, std_error=0.7 * unit
                )
            )
            rows.append(
                estimate(
                    **{
                        **shared,
                        "specification": f"{shared['specification']}.fixed_effects",
                    },
                    estimator="fixed_effects",
                    confirmatory=False,
                    estimate=centre * 1.05,
                    std_error=0.35 * unit,
                )
            )
    for name in ("story", "column"):
        rows.append(
            estimate(
                specification="one_by_one",
                outcome="phq9_total",
                exposure=name,
                estimator="fixed_effects",
                measure="count",
                transform="log1p",
                confirmatory=False,
                estimate=-0.3,
                note="dropped 3 singletons",
            )
        )
    return pd.DataFrame(rows, columns=list(ESTIMATE_COLUMNS))


def _tests() -> pd.DataFrame:
    return frame_tests(
        ("functions", outcome, "mundlak", 7.2, 5.0, 0.21, "")
        for outcome in ("pdd_total", "ghsq_formal", "ghsq_informal")
    )


def _forum_panel(rng: np.random.Generator) -> pd.DataFrame:
    sizes = {(1, 1): 40, (1, 2): 31, (2, 3): 12, (2, 4): 5}
    rows = []
    for (round_, wave), people in sizes.items():
        for person in range(people):
            counts = rng.poisson(3, 2).astype(float)
            rows.append(
                {
                    "participant_id": f"{round_:016x}{person:016x}",
                    "wave": wave,
                    "wave_index": (wave - 1) % 2,
                    "round": round_,
                    "responded_at": pd.Timestamp("2027-01-04", tz="UTC"),
                    "mood_calm": float(rng.normal(6, 1.5)),
                    "post_count": counts[0],
                    "reply_count": counts[1],
                    "post_days_per_week": min(counts[0], 7.0),
                    "reply_days_per_week": min(counts[1], 7.0),
                    "post_frequency": 4.0,
                    "reply_frequency": 3.0 + float(counts[1] > 2),
                }
            )
    return pd.DataFrame(rows)
