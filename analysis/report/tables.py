"""The report's tables, each one also a CSV file: frames in, released frames out.

Every number has passed `analysis.disclosure`; `[REDACTED]` stands for what was
withheld and an empty cell for what does not exist. Columns and values carry the
names of the panel (`reaction`, `pdd_total`), so that files join; `labels` says
what readers call them.

The survey tables re-do those of JMIR Form Res 2021;5(9):e21348 with measured use.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.estimation.design import NotEstimable, build_design
from panelstream.analysis.estimation.estimates import Panels
from panelstream.analysis.plan.specifications import Specification, expand
from panelstream.analysis.report import disclosure
from panelstream.analysis.report.disclosure import LEVEL
from panelstream.models.arrays import Array
from panelstream.models.study import measures
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Disclosure, Study, Window
from panelstream.models.study.use import FREQUENCIES

_SURVEY = "the cross-sectional survey in JMIR Form Res 2021;5(9):e21348"
_MEASURED = f"After {_SURVEY}, where use was self-reported; here it was measured."
_FIRST = "People who answered the first wave whose window of use is known."


@dataclass(frozen=True)
class Table:
    """A released table; `name` is the name of its CSV file."""

    name: str
    title: str
    caption: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Regression:
    """Least squares with an intercept; arrays hold one value per regressor.

    `beta` is the slope in standard deviations; errors are classical.
    """

    slope: Array
    std_error: Array
    beta: Array
    statistic: Array
    df: int
    n: int


def build(
    folder: StudyFolder,
    panels: Mapping[Window, pd.DataFrame],
    estimates: pd.DataFrame,
    tests: pd.DataFrame,
    absent: int = 0,
) -> tuple[Table, ...]:
    """Every table the panel and the estimates allow, in the report's order.

    `panels`: a row per participant and wave, for each window of the study;
    `estimates` and `tests`: the columns of estimates.csv and tests.csv, exact;
    `absent` as for `judgement.judge`. A table without rows is left out.
    """
    study = folder.study
    panel = panels[study.exposure.window]
    people = people_behind(estimates, panels, study)
    tables = (
        participant_flow(panel, study),
        use(panel, study),
        outcomes_by_wave(panel, study),
        *estimate_tables(estimates, people, study, absent),
        tests_table(tests, estimates, people, study.disclosure),
        survey_table_1(panel, study),
        survey_table_2(panel, study),
        survey_table_3(panel, study),
        self_report_agreement(panel, study),
    )
    return tuple(table for table in tables if len(table.frame))


def labels(folder: StudyFolder) -> dict[str, str]:
    """What readers call each function and each score, by its name."""
    functions = {
        name: folder.catalogue.label(name) for name in folder.catalogue.functions
    }
    scores = {
        f"{one.instrument}_{scale.code}": scale.label.get("en", scale.code)
        for one in folder.instruments
        for scale in one.scales
    }
    further = {
        one.name: measures.label(one, folder.catalogue) for one in folder.measures
    }
    return {**functions, **scores, **further}


def participant_flow(panel: pd.DataFrame, study: Study) -> Table:
    """Per wave: who could answer, who did, how fully, and who was lost since."""
    exact = _flow(panel, study)
    rule = study.disclosure
    answered = disclosure.parts(exact["answered"], exact["eligible"], rule).counts
    before = np.concatenate([[np.nan], answered[:-1]])
    frame = wave_keys(exact, study).assign(
        eligible=disclosure.count_column(exact["eligible"], rule),
        **shares("answered", exact["answered"], exact["eligible"], rule),
        **shares(
            "complete_outcomes", exact["complete"], exact["answered"], rule, answered
        ),
        **shares("lost_since_previous", exact["lost"], exact["before"], rule, before),
    )
    caption = (
        "Eligible: enrolled, consented and not withdrawn. Answered: of those eligible"
        " (the response rate). Complete outcomes: every outcome scored, of those who"
        " answered. Lost since the previous wave: of those who answered that one, who"
        " did not answer this one."
    )
    return Table("participant_flow", "Participants by wave", caption, frame)


def use(panel: pd.DataFrame, study: Study) -> Table:
    """Per function and wave: mean active days a week, any use, use not known."""
    columns = [(f, f"{f}_days_per_week") for f in study.exposure.functions]
    frames = [_use(panel, name, column, study) for name, column in columns]
    caption = (
        "Measured use in each wave's window, of all eligible people, whether they"
        " answered or not. Any use: of those whose use is known. Not known: the log"
        " does not cover the window; it is never taken for no use."
    )
    return Table("use", "Use of the functions by wave", caption, stack(frames))


def outcomes_by_wave(panel: pd.DataFrame, study: Study) -> Table:
    """Mean, standard deviation and confidence interval of every outcome per wave."""
    frames = []
    for name in _present(panel, study.outcomes):
        moments = _moments(panel, name, study)
        frame = moments.keys.assign(**moments.released(study.disclosure))
        frames.append(_labelled(frame, outcome=name))
    caption = "Of those who answered and could be scored. Intervals are of the mean."
    return Table("outcomes_by_wave", "Outcomes by wave", caption, stack(frames))


def survey_table_1(panel: pd.DataFrame, study: Study) -> Table:
    """How often people used each function: six frequencies, n (%), own n per row."""
    first = _first_wave(panel, study)
    rows = [
        _frequencies(first, name, study.disclosure) for name in study.exposure.functions
    ]
    caption = (
        f"{_MEASURED} {_FIRST} Frequencies come from active days a year: under 3.5 is"
        " once a year, under 25 once a month, under 97 once a week, under 239 a few"
        " times a week. n counts the answers shown, and percentages are of n: withheld"
        " cells are in neither."
    )
    return Table("survey_table_1", "Frequency of use", caption, pd.DataFrame(rows))


def survey_table_2(panel: pd.DataFrame, study: Study) -> Table:
    """Outcomes at the first wave, and their correlation with each frequency of use."""
    first = _first_wave(panel, study)
    frames = [
        _correlations(first, outcome, study)
        for outcome in _present(panel, study.outcomes)
    ]
    caption = (
        f"{_MEASURED} {_FIRST} r: Pearson's correlation with the frequency of use"
        " (coded 0 to 5), its 95 % interval by Fisher's z, and its own n."
    )
    title = "Outcomes and frequency of use"
    return Table("survey_table_2", title, caption, stack(frames))


def survey_table_3(panel: pd.DataFrame, study: Study) -> Table:
    """Outcomes at the first wave regressed on all frequencies of use jointly."""
    first = _first_wave(panel, study)
    frames = [
        _joint_regression(first, outcome, study)
        for outcome in _present(panel, study.outcomes)
    ]
    caption = (
        f"{_MEASURED} {_FIRST} One least-squares regression per outcome on the"
        " frequencies (coded 0 to 5) of all functions that vary, of one wave only: it"
        " compares different people. B: points per frequency step; beta: standardized;"
        " classical standard errors, not corrected for multiple testing."
    )
    title = "Outcomes regressed on frequency of use"
    return Table("survey_table_3", title, caption, stack(frames))


def self_report_agreement(panel: pd.DataFrame, study: Study) -> Table:
    """How far people's own account of their use agrees with the measurement."""
    first = _first_wave(panel, study)
    asked = [f for f in study.exposure.functions if f"{f}_self_report" in panel]
    frames = [_agreement(first, name, study.disclosure) for name in asked]
    caption = (
        f"{_FIRST} Kappa is weighted quadratically over the six frequencies: 1 is"
        " agreement, 0 what chance would give. Exact: the same frequency. Difference:"
        " self-reported minus measured, in frequency steps."
    )
    title = "Self-reported and measured use"
    return Table("self_report_agreement", title, caption, stack(frames))


def people_behind(estimates: pd.DataFrame, panels: Panels, study: Study) -> Array:
    """How many people's use each estimate (rows,) rests on; NaN if not known.

    Of the people analysed, who use the exposure at all; for a within component,
    whose use of it changes; in the window of the specification.
    """
    keys = ("specification", "outcome", "exposure", "component")
    known = {
        key: people
        for one in expand(study)
        for key, people in _behind(one, panels[one.window])
    }
    rows = zip(*(estimates[c] for c in keys), strict=True)
    return np.array([known.get(row, np.nan) for row in rows], dtype=float)


def estimate_tables(
    estimates: pd.DataFrame, people: Array, study: Study, absent: int = 0
) -> tuple[Table, ...]:
    """Confirmatory, sensitivity (`<specification>.<preset>`), exploratory estimates.

    `people` (rows,): what `people_behind` says of the estimates; `absent` as for
    `judgement.judge`.
    """
    released = disclosure.estimates(estimates, people, study, absent)
    planned = estimates["confirmatory"].astype(bool)
    preset = estimates["specification"].str.contains(".", regex=False) & ~planned
    captions = {
        "confirmatory": (
            "Planned and locked as they stand here; decided by Holm's method."
        ),
        "sensitivity": (
            "The confirmatory specifications with one thing changed. Not corrected,"
            " no verdicts."
        ),
        "exploratory": (
            "Not locked as they stand here, or planned as exploration. Not corrected,"
            " no verdicts: material for questions, not for answers."
        ),
    }
    chosen = {
        "confirmatory": planned,
        "sensitivity": preset,
        "exploratory": ~planned & ~preset,
    }
    return tuple(
        Table(
            f"estimates_{part}",
            f"{part.capitalize()} estimates",
            caption,
            _without_verdicts(released[chosen[part].to_numpy()]),
        )
        for part, caption in captions.items()
    )


def tests_table(
    tests: pd.DataFrame, estimates: pd.DataFrame, people: Array, rule: Disclosure
) -> Table:
    """Tests and diagnostics of the specifications; `people` as for the estimates."""
    caption = "Tests of the specifications' assumptions; not corrected."
    released = disclosure.tests(tests, estimates, people, rule)
    return Table("tests", "Tests and diagnostics", caption, released)


def correlation(x: Array, y: Array) -> float:
    """Pearson's r; NaN where it or its interval is undefined."""
    if len(x) < 4 or not (np.ptp(x) > 0 and np.ptp(y) > 0):
        return np.nan
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))


def fisher(r: Array, n: Array) -> tuple[Array, Array]:
    """Confidence limits of correlations by Fisher's z; +-1 has no width."""
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    half = stats.norm.ppf((1 + LEVEL) / 2) / np.sqrt(np.maximum(n - 3, 1))
    return np.tanh(z - half), np.tanh(z + half)


def weighted_kappa(first: Array, second: Array, categories: int) -> float:
    """Cohen's kappa with quadratic weights (Psychol Bull 1968;70(4):213-220).

    `first`, `second`: codes 0 to `categories` - 1. NaN where neither varies.
    """
    codes = np.arange(categories)
    weights = (codes[:, None] - codes[None, :]) ** 2
    one = (first[:, None] == codes).mean(axis=0)
    other = (second[:, None] == codes).mean(axis=0)
    expected = float(one @ weights @ other)
    return 1 - float(((first - second) ** 2).mean()) / expected if expected else np.nan


def regression(x: Array, y: Array) -> Regression | None:
    """Least squares of `y` (n) on `x` (n by k) and an intercept.

    None where it is not identified: too few rows, or collinear regressors.
    """
    n, k = x.shape
    design = np.column_stack([np.ones(n), x])
    df = n - k - 1
    if df < 1 or np.linalg.matrix_rank(design) <= k:
        return None
    inverse = np.linalg.inv(design.T @ design)
    solution = inverse @ design.T @ y
    variance = float(((y - design @ solution) ** 2).sum()) / df
    slope, error = solution[1:], np.sqrt(variance * np.diag(inverse))[1:]
    return Regression(
        slope=slope,
        std_error=error,
        beta=slope * x.std(axis=0) / (y.std() or np.nan),
        statistic=slope / np.where(error > 0, error, np.nan),
        df=df,
        n=n,
    )


def shares(
    name: str, part: Any, whole: Any, rule: Disclosure, shown: Array | None = None
) -> dict[str, Any]:
    """The columns `name` and `<name>_percent`: released parts of a released whole."""
    released = disclosure.parts(part, whole, rule, shown)
    known = ~np.isnan(np.asarray(part, dtype=float))
    some = known & (np.asarray(whole, dtype=float) > 0)
    return {
        name: disclosure.as_text(released.counts, known),
        f"{name}_percent": disclosure.as_text(released.percent, some),
    }


def wave_keys(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The wave, and its round where the study has several."""
    several = len({wave.round for wave in study.waves}) > 1
    return frame[["round", "wave"] if several else ["wave"]].reset_index(drop=True)


def stack(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames below one another; an empty one adds nothing."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


@dataclass(frozen=True)
class _Moments:
    """Exact moments of one column, a row per wave, with the wave's keys."""

    keys: pd.DataFrame
    n: Array
    mean: Array
    sd: Array

    def released(
        self, rule: Disclosure, mean: str = "mean", users: Any = np.nan
    ) -> dict[str, Any]:
        centre, sd = disclosure.significant(self.mean), disclosure.significant(self.sd)
        n = disclosure.behind(self.n, rule)
        error = sd / np.sqrt(np.maximum(n, 1))
        low, high = disclosure.limits(centre, error, n - 1)
        columns = {mean: centre, "sd": sd, "ci_low": low, "ci_high": high}
        texts = {
            k: disclosure.statistic_column(v, self.n, rule, users)
            for k, v in columns.items()
        }
        return {**texts, "n": disclosure.count_column(self.n, rule)}


def _moments(panel: pd.DataFrame, column: str, study: Study) -> _Moments:
    grouped = panel.groupby(["round", "wave"])[column]
    values = grouped.agg(["count", "mean", "std"]).reset_index()
    exact = (values[c].to_numpy(dtype=float) for c in ("count", "mean", "std"))
    return _Moments(wave_keys(values, study), *exact)


def _use(panel: pd.DataFrame, name: str, column: str, study: Study) -> pd.DataFrame:
    moments, rule = _moments(panel, column, study), study.disclosure
    grouped = panel.groupby(["round", "wave"])[column]
    used = grouped.agg(lambda days: (days > 0).sum()).to_numpy(dtype=float)
    everyone = grouped.size().to_numpy(dtype=float)
    frame = moments.keys.assign(
        **moments.released(rule, mean="mean_days_per_week", users=used),
        **shares("any_use", used, moments.n, rule),
        **shares("not_known", everyone - moments.n, everyone, rule),
    )
    return _labelled(frame, function=name)


def _flow(panel: pd.DataFrame, study: Study) -> pd.DataFrame:
    answered = panel["responded_at"].notna()
    scores = panel[_present(panel, study.outcomes)]
    marked = panel.assign(
        answered=answered, complete=answered & scores.notna().all(axis=1)
    )
    exact = (
        marked.groupby(["round", "wave"])
        .agg(
            eligible=("participant_id", "size"),
            answered=("answered", "sum"),
            complete=("complete", "sum"),
        )
        .reset_index()
    )
    return exact.join(_lost(marked, exact))


def _lost(marked: pd.DataFrame, waves: pd.DataFrame) -> pd.DataFrame:
    """Of those who answered the wave before in the same round, who answered no more."""
    answers = marked[marked["answered"]].groupby(["round", "wave"])["participant_id"]
    people = {key: set(ids) for key, ids in answers}
    keys = list(zip(waves["round"], waves["wave"], strict=True))
    rows = [(np.nan, np.nan)]
    for before, now in pairwise(keys):
        earlier = people.get(before, set())
        gone = len(earlier - people.get(now, set()))
        same_round = before[0] == now[0]
        rows.append((len(earlier), gone) if same_round else (np.nan, np.nan))
    return pd.DataFrame(rows, columns=["before", "lost"], index=waves.index)


def _first_wave(panel: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Answered rows of each round's first wave in which any use is known."""
    columns = [f"{name}_frequency" for name in study.exposure.functions]
    known = panel[panel[columns].notna().any(axis=1) & panel["responded_at"].notna()]
    return known[known["wave"] == known.groupby("round")["wave"].transform("min")]


def _frequencies(first: pd.DataFrame, name: str, rule: Disclosure) -> dict[str, Any]:
    codes = first[f"{name}_frequency"].dropna().to_numpy(dtype=float)
    exact = [(codes == code).sum() for code in range(len(FREQUENCIES))]
    released = disclosure.row(exact, rule)
    known = np.ones(len(FREQUENCIES), dtype=bool)
    shares = disclosure.percent(released.cells, np.full(len(known), released.total))
    texts = disclosure.as_text(released.cells, known)
    percent = disclosure.as_text(shares, known & (len(codes) > 0))
    cells: dict[str, Any] = {"function": name}
    for answer, n, share in zip(FREQUENCIES, texts, percent, strict=True):
        cells |= {answer: n, f"{answer}_percent": share}
    return {**cells, "n": disclosure.as_text([released.total], [True])[0]}


def _correlations(first: pd.DataFrame, outcome: str, study: Study) -> pd.DataFrame:
    scores = first[outcome].dropna()
    rows = []
    for name in study.exposure.functions:
        pair = first[[f"{name}_frequency", outcome]].dropna().to_numpy(dtype=float)
        r = disclosure.significant(correlation(pair[:, 0], pair[:, 1]))
        rows.append((name, float(r), len(pair), (pair[:, 0] > 0).sum()))
    exact = pd.DataFrame(rows, columns=["function", "r", "n", "users"])
    n = disclosure.behind(exact["n"], study.disclosure)
    exact["ci_low"], exact["ci_high"] = fisher(exact["r"].to_numpy(dtype=float), n)
    around = {"outcome_mean": scores.mean(), "outcome_sd": scores.std()}
    fixed = {k: np.full(len(exact), v) for k, v in around.items()}
    rule, behind = study.disclosure, np.full(len(exact), len(scores))
    frame = pd.DataFrame(
        {k: disclosure.statistic_column(v, behind, rule) for k, v in fixed.items()}
    )
    frame["outcome_n"] = disclosure.count_column(behind, rule)
    frame["function"] = exact["function"]
    return _labelled(
        _released(frame, exact, ["r", "ci_low", "ci_high"], rule), outcome=outcome
    )


def _joint_regression(first: pd.DataFrame, outcome: str, study: Study) -> pd.DataFrame:
    columns = [f"{name}_frequency" for name in study.exposure.functions]
    complete = first[[*columns, outcome]].dropna()
    varying = [c for c in columns if complete[c].nunique() > 1]
    fit = None
    if varying:
        x, y = (
            complete[varying].to_numpy(dtype=float),
            complete[outcome].to_numpy(dtype=float),
        )
        fit = regression(x, y)
    if fit is None:
        return pd.DataFrame()
    exact = _coefficients(fit, study.disclosure).assign(
        users=(complete[varying] > 0).sum().to_numpy()
    )
    names = [c.removesuffix("_frequency") for c in varying]
    frame = pd.DataFrame({"function": names})
    statistics = [c for c in exact.columns if c not in ("n", "users")]
    released = _released(frame, exact, statistics, study.disclosure)
    return _labelled(released, outcome=outcome)


def _coefficients(fit: Regression, rule: Disclosure) -> pd.DataFrame:
    """A row per regressor, inferred with the number of people as released."""
    numbers = (fit.slope, fit.std_error, fit.beta, fit.statistic)
    slope, error, beta, t = map(disclosure.significant, numbers)
    df = disclosure.behind(fit.n, rule) - (fit.n - fit.df)
    low, high = disclosure.limits(slope, error, df)
    return pd.DataFrame(
        {
            "b": slope,
            "std_error": error,
            "beta": beta,
            "t": t,
            "p_value": disclosure.p_values(t, df),
            "ci_low": low,
            "ci_high": high,
            "n": fit.n,
        }
    )


def _agreement(first: pd.DataFrame, name: str, rule: Disclosure) -> pd.DataFrame:
    pair = first[[f"{name}_self_report", f"{name}_frequency"]].dropna()
    reported, measured = (pair.iloc[:, i].to_numpy(dtype=float) for i in (0, 1))
    kappa = (
        weighted_kappa(reported, measured, len(FREQUENCIES)) if len(pair) else np.nan
    )
    difference = float((reported - measured).mean()) if len(pair) else np.nan
    exact = pd.DataFrame(
        {
            "kappa": [kappa],
            "mean_difference": [difference],
            "n": [len(pair)],
            "users": _fewest(reported > 0, measured > 0, reported != measured),
        }
    )
    agreed = np.array([(reported == measured).sum()])
    frame = pd.DataFrame({"function": [name]})
    released = _released(frame, exact, ["kappa", "mean_difference"], rule)
    return released.assign(**shares("exact", agreed, exact["n"], rule))


def _fewest(*groups: Any) -> int:
    """The size of the smallest group that has somebody in it; 0 if none has."""
    return min((int(one.sum()) for one in groups if one.any()), default=0)


def _behind(
    specification: Specification, panel: pd.DataFrame
) -> Iterator[tuple[tuple[str, ...], int]]:
    """Keys of a specification's estimates, and the people whose use they rest on.

    Those who answered, whatever weights or imputation put in the place of others.
    """
    try:
        made = build_design(replace(specification, weights="none"), panel)
    except NotEstimable:
        return
    for at, column in enumerate(made.exposures):
        use = (
            pd.Series(made.regressors[:, at]).groupby(made.persons).agg(["min", "max"])
        )
        used = min(int((use["max"] > 0).sum()), _users(column.exposure, panel))
        changed = int((use["max"] > use["min"]).sum())
        which = (specification.specification, specification.outcome, column.exposure)
        yield (*which, "between"), used
        yield (*which, "pooled"), used
        yield (*which, "within"), changed
        yield (*which, "reverse"), changed


def _users(exposure: str, panel: pd.DataFrame) -> int:
    """People with any use of a function: of some measures 0 does not mean none."""
    days = f"{exposure}_days"
    used = panel[days] > 0 if days in panel else panel["participant_id"].notna()
    return int(panel.loc[used, "participant_id"].nunique())


def _released(
    frame: pd.DataFrame,
    exact: pd.DataFrame,
    statistics: Sequence[str],
    rule: Disclosure,
) -> pd.DataFrame:
    """`frame` with the statistics of `exact` and their n, as they may leave.

    `users` of `exact`: how many people the statistics rest on beside n.
    """
    columns = {
        name: disclosure.statistic_column(exact[name], exact["n"], rule, exact["users"])
        for name in statistics
    }
    return frame.assign(**columns, n=disclosure.count_column(exact["n"], rule))


def _without_verdicts(frame: pd.DataFrame) -> pd.DataFrame:
    """Only what is confirmatory is corrected and judged."""
    planned = frame["confirmatory"].astype(bool)
    judged = ("p_adjusted", "p_bh", "equivalence_adjusted", "verdict")
    return frame.assign(**{c: frame[c].where(planned, np.nan) for c in judged})


def _labelled(frame: pd.DataFrame, **first: str) -> pd.DataFrame:
    for column, value in first.items():
        frame.insert(0, column, value)
    return frame


def _present(panel: pd.DataFrame, names: Iterable[str]) -> list[str]:
    return [name for name in names if name in panel]
