"""The scores themselves: bands, reliability, careless answers, answers to watch."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy import stats

from panelstream.analysis.panel import careless_responding, reliability
from panelstream.analysis.panel.agreement import AGREEMENT_STATISTICS
from panelstream.analysis.panel.reliability import Retest
from panelstream.analysis.plan.conventions import NotEstimable
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.labels import careless_labels
from panelstream.analysis.report.layout import INTERVAL, WAVE, Layout, column, share
from panelstream.analysis.report.table import (
    Cell,
    Companion,
    Count,
    Label,
    Note,
    Ordinal,
    Parameter,
    Share,
    Statistic,
    Table,
    TableColumn,
    Total,
    columns,
    stack,
)
from panelstream.analysis.report.tables.waves import (
    KEYS,
    labelled,
    wave_columns,
    wave_keys,
)
from panelstream.models.arrays import Vector
from panelstream.models.instruments.instrument import Band, Instrument, Scale
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Study

_MEAN_SQUARES = ("pairs", "mean_square_people", "mean_square_times")
"""Of a retest: people in both waves, and the ratios of an analysis of variance."""
_AGREEMENT = tuple(
    f"{statistic}{end}"
    for statistic in AGREEMENT_STATISTICS
    for end in ("", "_ci_low", "_ci_high")
)
_RELIABILITY_LAYOUT = Layout(
    (
        *WAVE,
        column("n", "count", "n"),
        column("Alpha", "value", "alpha"),
        INTERVAL,
        column("Omega", "value", "omega"),
        column("Lowest item\u2013rest", "value", "lowest_item_rest"),
        column("Item", "code", "lowest_item"),
        share("At the lowest", "floor"),
        share("At the highest", "ceiling"),
        column("Retest", "value", "retest"),
        column("95\u202f% CI", "interval", "retest_ci_low", "retest_ci_high"),
    ),
    grouped_by=("score",),
)


_OF_FREQUENCIES = Statistic(("people",), users="smallest_group", digits=2)
"""More digits of a mean of whole numbers would give its number of people away."""
_AGREEMENT_LAYOUT = Layout(
    (
        *WAVE,
        column("Weighted kappa", "decimal", "kappa"),
        column("95\u202f% CI", "interval", "kappa_ci_low", "kappa_ci_high"),
        column("ICC", "decimal", "icc"),
        column("95\u202f% CI", "interval", "icc_ci_low", "icc_ci_high"),
        column("Difference", "decimal", "mean_difference"),
        column(
            "95\u202f% CI",
            "interval",
            *("mean_difference_ci_low", "mean_difference_ci_high"),
        ),
        column("Slope", "decimal", "slope"),
        column("95\u202f% CI", "interval", "slope_ci_low", "slope_ci_high"),
        column("Limits of agreement", "interval", "limit_low", "limit_high"),
        column("People", "count", "people"),
        column("Note", "note", "note"),
    ),
    grouped_by=("function",),
)
_INVARIANCE_LAYOUT = Layout(
    (
        column("Round", "word", "round"),
        column("Model", "word", "model"),
        column("Chi-square", "decimal", "chi_square"),
        column("df", "word", "df"),
        column("p", "p", "p_value"),
        column("CFI", "value", "cfi"),
        column("Change", "value", "cfi_change"),
        column("RMSEA", "value", "rmsea"),
        column("Conclusion", "word", "conclusion"),
        column("n", "count", "n"),
        column("Note", "note", "note"),
    ),
    grouped_by=("score",),
)


def bands_by_wave(data: ReportInput) -> Table:
    """How many people's scores lie in each named range, per wave."""
    keys = wave_columns(data.study)
    by = ("score", *(key.name for key in keys))
    return Table(
        name="bands_by_wave",
        title="Ranges of the scores by wave",
        caption=(
            "Of those who answered and could be scored. A prorated score between two"
            " bands counts as the lower. n counts the scores shown, and percentages are"
            " of n: withheld cells are in neither."
        ),
        exact=stack(
            _bands(instrument, scale, data.panel, data.study)
            for instrument, scale in _scales(data.folder)
            if instrument.bands_of(scale) and instrument.column(scale) in data.panel
        ),
        columns=(
            TableColumn("score", Label()),
            *keys,
            TableColumn("band", Label()),
            TableColumn("people", Cell("n", by)),
            TableColumn("n", Total()),
        ),
        layout=Layout(
            (
                *WAVE,
                column("Range", "name", "band"),
                share("People", "people"),
                column("n", "count", "n"),
            ),
            grouped_by=("score",),
        ),
    )


def reliability_by_wave(data: ReportInput) -> Table:
    """Per score of several items and wave: alpha, omega, the weakest item, ends, retest."""
    return Table(
        name="reliability_by_wave",
        title="Reliability by wave",
        caption=(
            "Alpha (Cronbach's, with Feldt's limits), omega (McDonald's, of one factor"
            " by maximum likelihood) and the lowest correlation of an item with the rest"
            " are of the n complete responses. At the lowest and at the highest possible"
            " score: of all scored. Retest: the agreement of people's scores with their"
            " own of the wave before, ICC(A,1); over months, true change lowers it too."
        ),
        exact=stack(_reliability(data)),
        columns=(
            TableColumn("score", Label()),
            *wave_columns(data.study),
            TableColumn("n", Count("complete responses")),
            TableColumn("alpha", Statistic(("n",))),
            *columns(Companion("alpha"), "ci_low", "ci_high"),
            *columns(Statistic(("n",)), "omega", "lowest_item_rest"),
            TableColumn("lowest_item", Companion("lowest_item_rest")),
            *columns(Share("n_scored"), "floor", "ceiling"),
            TableColumn("n_scored", Count("people with a score")),
            TableColumn("retest", Statistic(("n_retest",))),
            *columns(Companion("retest"), "retest_ci_low", "retest_ci_high"),
            TableColumn("n_retest", Count("people with a score in both waves")),
        ),
        internal=columns(Parameter(), "items", *_MEAN_SQUARES),
        infer=_reliability_limits,
        layout=_RELIABILITY_LAYOUT,
    )


def invariance_over_waves(data: ReportInput) -> Table:
    """Per score of three items or more, whether it measures the same in every wave."""
    rounds = {wave.round for wave in data.study.waves}
    return Table(
        name="invariance_over_waves",
        title="Measurement invariance over the waves",
        caption=(
            "One factor in each wave, residuals of the same item correlated, by"
            " full-information maximum likelihood; items are treated as continuous."
            " Configural: loadings and intercepts of each wave; metric: equal loadings;"
            " scalar: equal intercepts too, without which means of waves do not"
            " compare. Scaled chi-square; equality is called supported where CFI falls"
            " by no more than .01 (Chen 2007)."
        ),
        exact=_invariance(data),
        columns=(
            *columns(Label(), "score", "model"),
            TableColumn("round", Ordinal(rounds)),
            TableColumn("chi_square", Statistic(("n",))),
            *columns(
                Companion("chi_square"),
                *("df", "p_value", "cfi", "cfi_change", "rmsea", "conclusion"),
            ),
            TableColumn("n", Count("people with an answered item")),
            TableColumn("note", Note()),
        ),
        infer=_invariance_measures,
        layout=_INVARIANCE_LAYOUT,
    )


def self_report_by_wave(data: ReportInput) -> Table:
    """Per function and wave, and over all waves: self-reported against measured use."""
    return Table(
        name="self_report_by_wave",
        title="Self-reported and measured use by wave",
        caption=(
            "Both in the six frequencies, coded 0 to 5; the row without a wave is all"
            " waves together. Kappa is weighted quadratically; ICC(2,1): absolute"
            " agreement. Difference: self-reported minus measured, in frequency steps;"
            " slope: its change per step of the mean of both (below 0, people who use"
            " more report less of it). Limits of agreement: mean difference ± 1.96 SD,"
            " where 95 % of differences lie if they are normal. Intervals by the"
            " jackknife over people."
        ),
        exact=_agreement(data),
        columns=(
            TableColumn("function", Label()),
            *wave_columns(data.study),
            *columns(_OF_FREQUENCIES, *_AGREEMENT),
            TableColumn("people", Count("people with both")),
            TableColumn("note", Note()),
        ),
        internal=(TableColumn("smallest_group", Count("people in it")),),
        layout=_AGREEMENT_LAYOUT,
    )


def careless_by_wave(data: ReportInput) -> Table:
    """Per wave how many responses show each sign of careless answering."""
    most_apart = careless_responding.MAX_DIFFERENCE
    least_seconds = careless_responding.MIN_SECONDS
    return _flag_table(
        data,
        "careless_by_wave",
        "Signs of careless answering",
        f"Inconsistent: more than {most_apart:.0%} of the answers' range between the"
        f" means. Too fast: under {least_seconds:g} seconds an item. n: the responses"
        " with enough answers to tell. Nothing was left out for them, and random"
        " answers are rarely caught.",
        ("sign", "Responses"),
        careless_labels(data.folder),
    )


def safety_by_wave(data: ReportInput) -> Table:
    """Per wave how many gave an answer that the study wants counted by itself."""
    return _flag_table(
        data,
        "safety_by_wave",
        "Answers counted by themselves",
        "From the raw answer, whether or not the questionnaire could be scored. n:"
        " those who answered the question. These are counts for a report; they reach"
        " nobody in time to help.",
        ("score", "People"),
        [
            instrument.column(scale)
            for instrument, scale in _scales(data.folder)
            if scale.safety
        ],
    )


def _scales(folder: StudyFolder) -> Iterator[tuple[Instrument, Scale]]:
    for instrument in folder.instruments:
        for scale in instrument.scales:
            yield instrument, scale


def _bands(
    instrument: Instrument, scale: Scale, panel: pd.DataFrame, study: Study
) -> pd.DataFrame:
    score, bands = instrument.column(scale), instrument.bands_of(scale)
    scored = panel[panel[score].between(bands[0].low, bands[-1].high)]
    lows = [band.low for band in bands]
    frames = []
    for wave, rows in scored.groupby(KEYS):
        positions = np.searchsorted(lows, rows[score], side="right") - 1
        keys = pd.DataFrame([wave] * len(bands), columns=KEYS)
        frame = wave_keys(keys, study).assign(
            band=[_band_name(band) for band in bands],
            people=np.bincount(positions, minlength=len(bands)),
        )
        frames.append(labelled(frame, score=score))
    return stack(frames)


def _band_name(band: Band) -> str:
    return str(band.label.get("en", f"from {band.low:g}"))


def _reliability(data: ReportInput) -> Iterator[pd.DataFrame]:
    """A row per wave of each score of several items."""
    for instrument, scale in _scales(data.folder):
        score = instrument.column(scale)
        rows = data.reliability[data.reliability["score"] == score]
        if rows["statistic"].eq("alpha").any():
            frame = _by_wave(rows).join(_retests(data.panel, score))
            keys = wave_keys(frame.reset_index(), data.study)
            frame = keys.join(frame.reset_index(drop=True))
            yield labelled(frame.assign(items=len(scale.items)), score=score)


def _agreement(data: ReportInput) -> pd.DataFrame:
    if data.agreement.empty:
        return pd.DataFrame()
    names = ["function", *_AGREEMENT, "people", "note", "smallest_group"]
    frame = data.agreement.reset_index(drop=True)
    for name in KEYS:  # whole numbers, and nothing in the row of all waves
        waves = frame[name].astype("Int64").astype(object)
        frame[name] = waves.where(frame[name].notna(), np.nan)
    return frame[names].join(wave_keys(frame, data.study))


def _invariance(data: ReportInput) -> pd.DataFrame:
    names = ["score", "round", "model", "chi_square", "df", "cfi", "cfi_change"]
    frame = data.invariance.reindex(columns=[*names, "conclusion", "n", "note"])
    return frame.reset_index(drop=True)


def _invariance_measures(frame: pd.DataFrame) -> pd.DataFrame:
    """p, and RMSEA of the released number of people."""
    square, df = frame["chi_square"], frame["df"]
    excess = (square - df).clip(lower=0)
    return frame.assign(
        p_value=stats.chi2.sf(square, df), rmsea=np.sqrt(excess / (df * frame["n"]))
    )


def _by_wave(rows: pd.DataFrame) -> pd.DataFrame:
    """The statistics of one score, a row per wave that has an alpha."""
    statistics = {
        str(name): numbers.set_index(KEYS)
        for name, numbers in rows.groupby("statistic")
    }
    waves = statistics["alpha"].index

    def pick(statistic: str, column: str) -> Vector:
        numbers = statistics.get(statistic, statistics["alpha"].iloc[:0])
        return numbers[column].reindex(waves).to_numpy(dtype=float)

    scored = pick("floor", "n")
    frame = pd.DataFrame(
        {
            "n": pick("alpha", "n"),
            "alpha": pick("alpha", "value"),
            "omega": pick("omega", "value"),
            "floor": np.rint(pick("floor", "value") * scored),
            "ceiling": np.rint(pick("ceiling", "value") * scored),
            "n_scored": scored,
        },
        index=waves,
    )
    return frame.join(_weakest_item(rows))


def _weakest_item(rows: pd.DataFrame) -> pd.DataFrame:
    """Per wave the item with the lowest correlation with the others."""
    items = rows[rows["statistic"] == "item_rest"].dropna(subset=["value"])
    lowest = items.sort_values("value", kind="stable").drop_duplicates(KEYS)
    names = {"value": "lowest_item_rest", "item": "lowest_item"}
    return lowest.set_index(KEYS)[[*names]].rename(columns=names)


def _retests(panel: pd.DataFrame, score: str) -> pd.DataFrame:
    """Agreement with the wave before, a row per wave that has one."""
    rows = [
        {"round": round_, "wave": wave, "n_retest": len(scores), **_retest(scores)}
        for round_, wave, scores in reliability.consecutive_scores(panel, score)
    ]
    names = [*KEYS, "n_retest", "retest", *_MEAN_SQUARES]
    return pd.DataFrame(rows, columns=names).set_index(KEYS).astype(float)


def _retest(scores: Vector) -> dict[str, float]:
    try:
        fit = reliability.retest(scores[:, 0], scores[:, 1])
    except NotEstimable:
        return {}
    mean_squares = (fit.n, fit.people, fit.times)
    return {"retest": fit.value, **dict(zip(_MEAN_SQUARES, mean_squares, strict=True))}


def _reliability_limits(frame: pd.DataFrame) -> pd.DataFrame:
    """Limits of alpha (Feldt) and of the retest (McGraw & Wong)."""
    names = ("alpha", "n", "items")
    alpha, n, items = (frame[name].to_numpy(dtype=float) for name in names)
    low, high = reliability.alpha_limits(alpha, n, items)
    retests = frame[["n_retest", *_MEAN_SQUARES]].to_numpy(dtype=float)
    limits = np.array([_retest_limits(*row) for row in retests])
    return frame.assign(
        ci_low=low,
        ci_high=high,
        retest_ci_low=limits[:, 0],
        retest_ci_high=limits[:, 1],
    )


def _retest_limits(
    n: float, pairs: float, people: float, times: float
) -> tuple[float, float]:
    if np.isnan(people):
        return np.nan, np.nan
    return Retest(int(pairs), people, times).limits(n)


def _flag_table(
    data: ReportInput,
    name: str,
    title: str,
    caption: str,
    headings: tuple[str, str],
    flags: Iterable[str],
) -> Table:
    """Per flag of the panel and wave: how many are 1, of those who are 0 or 1."""
    key, people = headings
    return Table(
        name=name,
        title=title,
        caption=caption,
        exact=stack(
            labelled(_flagged(data.panel, flag, data.study), **{key: flag})
            for flag in flags
            if flag in data.panel
        ),
        columns=(
            TableColumn(key, Label()),
            *wave_columns(data.study),
            TableColumn("people", Share("n")),
            TableColumn("n", Count("people who could show it")),
        ),
        layout=Layout(
            (*WAVE, share(people, "people"), column("n", "count", "n")),
            grouped_by=(key,),
        ),
    )


def _flagged(panel: pd.DataFrame, flag: str, study: Study) -> pd.DataFrame:
    values = panel.assign(flag=panel[flag].astype(float)).groupby(KEYS)["flag"]
    counts = values.agg(["sum", "count"]).reset_index()
    counts = counts[counts["count"] > 0].reset_index(drop=True)
    return wave_keys(counts, study).assign(people=counts["sum"], n=counts["count"])
