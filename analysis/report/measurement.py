"""The report's tables on the scores themselves: bands, reliability, signs of carelessness.

As in `analysis.tables`: exact frames in, released frames out.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import NotEstimable
from panelstream.analysis.panel import careless_responding, reliability
from panelstream.analysis.report import disclosure
from panelstream.analysis.report.disclosure import REDACTED
from panelstream.analysis.report.tables import Table, shares, stack, wave_keys
from panelstream.models.arrays import Array
from panelstream.models.instruments.instrument import Instrument, Scale
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Study

WAVE = ["round", "wave"]


def build(
    folder: StudyFolder, panel: pd.DataFrame, found: pd.DataFrame
) -> tuple[Table, ...]:
    """Every table that the panel allows, in the report's order.

    `found`: the columns of reliability.csv, exact. A table without rows is left out.
    """
    tables = (
        bands_by_wave(folder, panel),
        reliability_by_wave(folder, panel, found),
        careless_by_wave(folder, panel),
        safety_by_wave(folder, panel),
    )
    return tuple(table for table in tables if len(table.frame))


def labels(folder: StudyFolder) -> dict[str, str]:
    """What readers call each sign of careless answering, by its column."""
    signs = {
        f"{instrument.column(scale)}_{sign}": f"{_label(instrument, scale)}: {words}"
        for instrument, scale in careless_responding.balanced(folder.instruments)
        for sign, words in (
            ("straightlined", "the same answer to every item"),
            ("inconsistent", "reversed and plain items contradict one another"),
        )
    }
    return {**signs, "too_fast": "The form was answered too fast to be read"}


def bands_by_wave(folder: StudyFolder, panel: pd.DataFrame) -> Table:
    """How many people's scores lie in each named range, per wave."""
    frames = [
        _bands(instrument, scale, panel, folder.study)
        for instrument, scale in _scales(folder)
        if instrument.bands_of(scale) and instrument.column(scale) in panel
    ]
    caption = (
        "Of those who answered and could be scored. A prorated score between two bands"
        " counts as the lower. n counts the scores shown, and percentages are of n:"
        " withheld cells are in neither."
    )
    return Table(
        "bands_by_wave", "Ranges of the scores by wave", caption, stack(frames)
    )


def reliability_by_wave(
    folder: StudyFolder, panel: pd.DataFrame, found: pd.DataFrame
) -> Table:
    """Per score of several items and wave: alpha, omega, the weakest item, ends, retest."""
    frames = []
    for instrument, scale in _scales(folder):
        name = instrument.column(scale)
        rows = found[found["score"] == name]
        if rows["statistic"].eq("alpha").any():
            frame = _reliability(rows, panel, len(scale.items), folder.study)
            frame.insert(0, "score", name)
            frames.append(frame)
    caption = (
        "Alpha (Cronbach's, with Feldt's limits), omega (McDonald's, of one factor by"
        " maximum likelihood) and the lowest correlation of an item with the rest are"
        " of the n complete responses. At the lowest and at the highest possible"
        " score: of all scored. Retest: the agreement of people's scores with their"
        " own of the wave before, ICC(A,1); over months, true change lowers it too."
    )
    return Table("reliability_by_wave", "Reliability by wave", caption, stack(frames))


def careless_by_wave(folder: StudyFolder, panel: pd.DataFrame) -> Table:
    """Per wave how many responses show each sign of careless answering."""
    caption = (
        f"Inconsistent: more than {careless_responding.MOST_APART:.0%} of the answers' range"
        f" between the means. Too fast: under {careless_responding.LEAST_SECONDS:g} seconds an"
        " item. n: the responses with enough answers to tell. Nothing was left out"
        " for them, and random answers are rarely caught."
    )
    frame = stack(_flagged(panel, labels(folder), "sign", folder.study))
    return Table("careless_by_wave", "Signs of careless answering", caption, frame)


def safety_by_wave(folder: StudyFolder, panel: pd.DataFrame) -> Table:
    """Per wave how many gave an answer that the study wants counted by itself."""
    names = [i.column(scale) for i, scale in _scales(folder) if scale.safety]
    caption = (
        "From the raw answer, whether or not the questionnaire could be scored. n:"
        " those who answered the question. These are counts for a report; they reach"
        " nobody in time to help."
    )
    frame = stack(_flagged(panel, names, "score", folder.study))
    return Table("safety_by_wave", "Answers counted by themselves", caption, frame)


def _scales(folder: StudyFolder) -> Iterator[tuple[Instrument, Scale]]:
    for instrument in folder.instruments:
        for scale in instrument.scales:
            yield instrument, scale


def _label(instrument: Instrument, scale: Scale) -> str:
    return scale.label.get("en", instrument.column(scale))


def _bands(
    instrument: Instrument, scale: Scale, panel: pd.DataFrame, study: Study
) -> pd.DataFrame:
    name, bands = instrument.column(scale), instrument.bands_of(scale)
    known = panel[panel[name].between(bands[0].low, bands[-1].high)]
    frames = []
    for wave, rows in known.groupby(WAVE):
        at = np.searchsorted([band.low for band in bands], rows[name], side="right")
        keys = pd.DataFrame([wave] * len(bands), columns=WAVE)
        counts = _whole_row(np.bincount(at - 1, minlength=len(bands)), study)
        names = [band.label.get("en", f"from {band.low:g}") for band in bands]
        frames.append(wave_keys(keys, study).assign(band=names, **counts))
    stacked = stack(frames)
    return stacked.assign(score=name)[["score", *stacked]] if len(stacked) else stacked


def _whole_row(exact: Any, study: Study) -> dict[str, Any]:
    """Counts that make up a whole, with their shares of what is shown of it."""
    row, there = (
        disclosure.row(exact, study.disclosure),
        np.ones(len(exact), dtype=bool),
    )
    whole = np.full(len(exact), row.total)
    percent = disclosure.percent(row.cells, whole)
    return {
        "people": disclosure.as_text(row.cells, there),
        "people_percent": disclosure.as_text(percent, there),
        "n": disclosure.as_text(whole, there),
    }


def _reliability(
    rows: pd.DataFrame, panel: pd.DataFrame, items: int, study: Study
) -> pd.DataFrame:
    """A row per wave; intervals are computed anew from released numbers of people."""
    rule = study.disclosure
    by_statistic = {
        name: one.set_index(WAVE) for name, one in rows.groupby("statistic")
    }
    waves = by_statistic["alpha"].index

    def pick(statistic: str, column: str) -> Array:
        known = by_statistic.get(statistic, by_statistic["alpha"].iloc[:0])
        return known[column].reindex(waves).to_numpy(dtype=float)

    n, scored = pick("alpha", "n"), pick("floor", "n")
    alpha = disclosure.significant(pick("alpha", "value"))
    low, high = reliability.alpha_limits(alpha, disclosure.behind(n, rule), items)
    numbers = {
        "alpha": alpha,
        "ci_low": low,
        "ci_high": high,
        "omega": pick("omega", "value"),
    }
    return wave_keys(waves.to_frame(index=False), study).assign(
        n=disclosure.count_column(n, rule),
        **{k: disclosure.statistic_column(v, n, rule) for k, v in numbers.items()},
        **_weakest(rows, waves, n, study),
        **shares("floor", np.rint(pick("floor", "value") * scored), scored, rule),
        **shares("ceiling", np.rint(pick("ceiling", "value") * scored), scored, rule),
        n_scored=disclosure.count_column(scored, rule),
        **_retests(panel, str(rows["score"].iloc[0]), waves, study),
    )


def _weakest(
    rows: pd.DataFrame, waves: "pd.Index[Any]", n: Array, study: Study
) -> dict[str, Any]:
    """The item that hangs together least with the others."""
    known = rows[rows["statistic"] == "item_rest"].dropna(subset=["value"])
    lowest = known.sort_values("value", kind="stable").drop_duplicates(WAVE)
    lowest = lowest.set_index(WAVE).reindex(waves)
    value = lowest["value"].to_numpy(dtype=float)
    released = disclosure.statistic_column(value, n, study.disclosure)
    item = pd.Series(lowest["item"].to_numpy(), dtype=object)
    hidden = item.mask((released == REDACTED).to_numpy(), REDACTED)
    return {"lowest_item_rest": released, "lowest_item": hidden}


def _retests(
    panel: pd.DataFrame, score: str, waves: "pd.Index[Any]", study: Study
) -> dict[str, Any]:
    """Agreement with the wave before; limits from the released number of people."""
    exact = {
        (at, wave): _retest(both, study)
        for at, wave, both in reliability.pairs(panel, score)
    }
    none = (np.nan, np.nan, np.nan, np.nan)
    numbers = np.array([exact.get(wave, none) for wave in waves], dtype=float)
    n = numbers[:, 3]
    names = ("retest", "retest_ci_low", "retest_ci_high")
    texts = {
        name: disclosure.statistic_column(numbers[:, i], n, study.disclosure)
        for i, name in enumerate(names)
    }
    return {**texts, "n_retest": disclosure.count_column(n, study.disclosure)}


def _retest(both: Array, study: Study) -> tuple[float, float, float, float]:
    n = len(both)
    try:
        found = reliability.retest(both[:, 0], both[:, 1])
    except NotEstimable:
        return np.nan, np.nan, np.nan, n
    low, high = found.limits(float(disclosure.behind(n, study.disclosure)))
    return found.value, low, high, n


def _flagged(
    panel: pd.DataFrame, columns: Iterable[str], key: str, study: Study
) -> Iterator[pd.DataFrame]:
    """Per column and wave: how many are 1, of those who are 0 or 1."""
    for name in columns:
        if name not in panel:
            continue
        values = panel.assign(yes=panel[name].astype(float)).groupby(WAVE)["yes"]
        exact = values.agg(["sum", "count"]).reset_index()
        asked = exact[exact["count"] > 0].reset_index(drop=True)
        frame = wave_keys(asked, study).assign(
            **shares("people", asked["sum"], asked["count"], study.disclosure),
            n=disclosure.count_column(asked["count"], study.disclosure),
        )
        frame.insert(0, key, name)
        yield frame
