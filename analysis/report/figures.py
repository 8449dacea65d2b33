"""The report's figures: released tables in, SVG text out, the same bytes every time.

A figure is a row of small panels, each an SVG of its own that a phone can show
at a readable size. Text stays text, in the reader's own sans-serif. Colours are
Okabe and Ito's (jfly.uni-koeln.de/color), which most colour-blind people can
distinguish; shape says the same as colour wherever two series meet.
"""

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from panelstream.analysis.report.numerals import decimals_for, number
from panelstream.analysis.report.release import REDACTED, ReleasedTable
from panelstream.analysis.report.units import POINTS, outcome_scale, scale, scales
from panelstream.analysis.verdicts.verdicts import ASSOCIATED, LARGER, TOO_FEW
from panelstream.models.study.study import Study

INK, MUTED, RULE, BAND = "#1d2733", "#5a6673", "#d5dbe1", "#eef1f4"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
FONTS = "'Helvetica Neue', Arial, 'Liberation Sans', 'Noto Sans', sans-serif"
WIDE, NARROW = 400, 300

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11,
    "axes.linewidth": 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "svg.fonttype": "none",
    "svg.hashsalt": "panelstream",
}
"""Matplotlib's settings for every figure."""
_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Panel:
    """One SVG, `width` pixels wide at its natural size, with its heading."""

    title: str
    svg: str
    width: int


@dataclass(frozen=True)
class Figure:
    """Panels that belong together; `caption` says what is drawn."""

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class _Mark:
    colour: str
    shape: str
    fill: str


_MARKS = {
    "within": _Mark(BLUE, "o", BLUE),
    "between": _Mark(ORANGE, "D", "white"),
    "pooled": _Mark(GREEN, "s", GREEN),
}


def draw_forest(
    estimates: ReleasedTable, labels: Mapping[str, str], study: Study, name: str
) -> Figure:
    """Estimates with their intervals: a panel per outcome and unit.

    The band is the smallest effect of interest, drawn where the exposure is in
    active days a week, as the band is.
    """
    frame = estimates.frame
    rows = _numeric(frame, ["estimate", "ci_low", "ci_high"])
    rows = rows[rows["exposure"].notna() & rows["estimate"].notna()]
    rows = rows[~rows["component"].isin(["reverse", "contextual"])]
    confirmatory = len(rows) and rows["confirmatory"].astype(bool).any()
    keys = ["outcome", "measure", "transform"]
    if not confirmatory:
        keys.insert(0, "specification")
    groups = rows.groupby([*keys, scales(rows)], sort=False) if len(rows) else ()
    panels = tuple(
        _forest_panel(f"{name}-{position}", group, labels, study)
        for position, (_, group) in enumerate(groups)
    )
    caption = (
        "Points are estimates, lines 95 % confidence intervals. \u25cf Blue: within"
        " people, the estimate in numbers. \u25c7 Orange: between people. \u25a0 Green:"
        " pooled. Left of the vertical line is a lower score, right of it a higher one."
    )
    if _biased_by_dropout(rows).any():
        caption += (
            " Estimates between people are biased by ordinary dropout, also where"
            " answers depend on use alone, unless missing answers are imputed."
        )
    if (rows["verdict"] == TOO_FEW).any():
        caption += " \u25cb Hollow grey: rests on too few people; no conclusion."
    if confirmatory:
        caption += (
            " Grey band: associations smaller than the smallest of interest. Bold:"
            " judged associated. \u2020: post hoc, locked after the first answer."
        )
    caption += _not_shown(frame[frame["estimate"] == REDACTED], labels)
    return Figure(name, "Association of use with each outcome", caption, panels)


def draw_participant_flow(table: ReleasedTable) -> Figure:
    """A bar per wave: who was eligible, and who of them answered."""
    flow = table.frame
    counts = _numeric(flow, ["eligible", "answered"])
    height = 26 + 34 * len(counts)
    with draw_canvas(WIDE, height) as (canvas, axes):
        _bars(axes, counts, _flow_texts(flow))
        canvas.subplots_adjust(left=0.16, right=0.6, top=0.99, bottom=0.02)
        svg = render_svg(
            canvas, "participant_flow", "Participants by wave", _described(flow)
        )
    caption = "Filled: answered. Pale: eligible. Percentages are response rates."
    panel = Panel("", svg, WIDE)
    return Figure(
        "participant_flow", "Who could answer, and who did", caption, (panel,)
    )


def draw_use(table: ReleasedTable, labels: Mapping[str, str]) -> Figure:
    """Mean active days a week over the waves: a panel per function."""
    panels = _trajectories(
        table.frame, "function", "mean_days_per_week", labels, BLUE, "use"
    )
    caption = (
        "Mean active days a week, with 95 % confidence intervals, of all eligible"
        " people whose use is known. Each panel has its own scale, from zero. A wave"
        " without a point is withheld or not known."
    )
    return Figure("use", "Measured use over the waves", caption, panels)


def draw_outcomes(table: ReleasedTable, labels: Mapping[str, str]) -> Figure:
    """Mean scores over the waves: a panel per outcome."""
    panels = _trajectories(table.frame, "outcome", "mean", labels, GREEN, "outcomes")
    caption = (
        "Means of those who answered, with 95 % confidence intervals. Each panel has"
        " its own scale. A wave without a point is withheld or not known. Who answers changes from wave to wave, so that a change of the"
        " mean need not be a change of people."
    )
    return Figure("outcomes", "Outcomes over the waves", caption, panels)


def _forest_panel(
    name: str, rows: pd.DataFrame, labels: Mapping[str, str], study: Study
) -> Panel:
    first = rows.iloc[0]
    title = labels.get(first["outcome"], first["outcome"])
    if not bool(first["confirmatory"]):
        title = f"{title} ({first['specification']})"
    lines = list(rows.groupby(["specification", "exposure"], sort=False))
    headings = _headings([group.iloc[0] for _, group in lines], labels)
    with draw_canvas(WIDE, 64 + 58 * len(lines)) as (canvas, axes):
        _band(axes, first, study)
        estimates = [group for _, group in lines]
        for position, heading in enumerate(headings):
            _forest_line(axes, position, heading, estimates[position])
        _forest_frame(canvas, axes, len(lines), scale(first))
        texts = map(_texts, estimates)
        described = [f"{h}: {text}" for h, text in zip(headings, texts, strict=True)]
        svg = render_svg(canvas, name, title, "; ".join(described))
    return Panel(title, svg, WIDE)


def _biased_by_dropout(rows: pd.DataFrame) -> "pd.Series[bool]":
    complete = rows["missing"] == "complete"
    return rows["component"].isin(["between", "pooled"]) & complete


def _not_shown(withheld: pd.DataFrame, labels: Mapping[str, str]) -> str:
    if withheld.empty:
        return ""
    columns = (withheld[c] for c in ("exposure", "component", "outcome"))
    names = dict.fromkeys(
        f"{labels.get(exposure, exposure)} ({component}) and"
        f" {labels.get(outcome, outcome)}"
        for exposure, component, outcome in zip(*columns, strict=True)
    )
    return f" Withheld, as too few people stand behind it: {'; '.join(names)}."


def _headings(rows: "Sequence[pd.Series[Any]]", labels: Mapping[str, str]) -> list[str]:
    """Of each line: the function, with its specification where it stands in two."""
    exposures = [row["exposure"] for row in rows]
    return [
        labels.get(row["exposure"], row["exposure"])
        + (f" ({row['specification']})" if exposures.count(row["exposure"]) > 1 else "")
        + (": too few people" if row["verdict"] == TOO_FEW else "")
        + ("\u2020" if str(row["post_hoc"]) == "True" else "")
        for row in rows
    ]


def _forest_line(axes: Axes, position: int, heading: str, rows: pd.DataFrame) -> None:
    across = axes.get_yaxis_transform()
    lead = rows.iloc[0]
    axes.vlines(0, position - 0.06, position + 0.46, color=MUTED, linewidth=1, zorder=1)
    bold = "bold" if {ASSOCIATED, LARGER} & set(rows["verdict"]) else "normal"
    axes.text(
        0, position - 0.24, heading, transform=across, va="center", fontweight=bold
    )
    axes.text(
        1,
        position - 0.24,
        interval(lead),
        transform=across,
        va="center",
        ha="right",
        fontweight=bold,
    )
    for step, (_, row) in enumerate(rows.iterrows()):
        _point(axes, row, position + 0.1 + 0.25 * step / max(len(rows) - 1, 1))


def _point(axes: Axes, row: "pd.Series[Any]", y: float) -> None:
    mark = _MARKS.get(row["component"], _MARKS["pooled"])
    if row["verdict"] == TOO_FEW:
        mark = _Mark(MUTED, mark.shape, "white")
    axes.plot(
        [row["ci_low"], row["ci_high"]],
        [y, y],
        color=mark.colour,
        linewidth=2,
        zorder=2,
    )
    axes.plot(
        row["estimate"],
        y,
        mark.shape,
        color=mark.colour,
        markerfacecolor=mark.fill,
        markeredgewidth=1.6,
        markersize=6.5,
        zorder=3,
    )


def _band(axes: Axes, row: "pd.Series[Any]", study: Study) -> None:
    points = outcome_scale(row) == POINTS
    smallest = study.smallest(row["outcome"], row["measure"], row["transform"])
    if smallest and points:
        axes.axvspan(-smallest, smallest, color=BAND, linewidth=0, zorder=0)


def _forest_frame(canvas: Canvas, axes: Axes, lines: int, label: str) -> None:
    axes.set_ylim(lines - 0.42, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -0.02 * (high - low)), max(high, 0.02 * (high - low)))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=_STEPS))
    axes.set_xlabel(label)
    for position in range(1, lines):
        axes.axhline(position - 0.5, color=RULE, linewidth=0.8, zorder=0)
    bottom = 50 / (canvas.get_figheight() * 72)
    canvas.subplots_adjust(left=0.03, right=0.97, top=0.99, bottom=bottom)


def interval(row: "pd.Series[Any]") -> str:
    """The estimate and its interval, as in `1.21 (0.58 to 1.84)`."""
    decimals = decimals_for(float(row["ci_high"]) - float(row["ci_low"]))
    values = (
        number(float(row[c]), decimals) for c in ("estimate", "ci_low", "ci_high")
    )
    return "{} ({} to {})".format(*values)


def _texts(rows: pd.DataFrame) -> str:
    return ", ".join(
        f"{row['component']} {interval(row)}" for _, row in rows.iterrows()
    )


def _bars(axes: Axes, counts: pd.DataFrame, texts: Sequence[str]) -> None:
    maximum = counts["eligible"].max()
    places = range(len(counts))
    axes.barh(places, counts["eligible"].fillna(0), height=0.56, color="#cfe0ec")
    axes.barh(places, counts["answered"].fillna(0), height=0.56, color=BLUE)
    axes.set_yticks(places, [f"Wave {wave}" for wave in counts["wave"]], color=INK)
    axes.set_ylim(len(counts) - 0.4, -0.6)
    axes.set_xlim(0, maximum if maximum > 0 else 1)
    axes.set_xticks([])
    for side in ("bottom", "left"):
        axes.spines[side].set_visible(False)
    for place, text in zip(places, texts, strict=True):
        axes.text(1.03, place, text, transform=axes.get_yaxis_transform(), va="center")


def _flow_texts(flow: pd.DataFrame) -> list[str]:
    columns = (flow["answered"], flow["eligible"], flow["answered_percent"])
    return [_flow_text(*row) for row in zip(*columns, strict=True)]


def _flow_text(answered: Any, eligible: Any, percent: Any) -> str:
    if eligible == REDACTED:
        return "withheld"
    if answered == REDACTED:
        return f"withheld, of {eligible:.0f}"
    return f"{answered:.0f} of {eligible:.0f} ({percent:.0f}\u202f%)"


def _described(flow: pd.DataFrame) -> str:
    waves = [
        f"wave {wave}: {text}"
        for wave, text in zip(flow["wave"], _flow_texts(flow), strict=True)
    ]
    return "; ".join(waves)


def _trajectories(
    table: pd.DataFrame,
    key: str,
    mean: str,
    labels: Mapping[str, str],
    colour: str,
    name: str,
) -> tuple[Panel, ...]:
    values = _numeric(table, [mean, "ci_low", "ci_high"]).rename(columns={mean: "mean"})
    values["withheld"] = table[mean] == REDACTED
    groups = list(values.groupby(key, sort=False))
    return tuple(
        _trajectory(
            f"{name}-{position}",
            rows,
            labels.get(str(value), str(value)),
            colour,
            name == "use",
        )
        for position, (value, rows) in enumerate(groups)
    )


def _trajectory(
    name: str, rows: pd.DataFrame, title: str, colour: str, from_zero: bool
) -> Panel:
    with draw_canvas(NARROW, 190) as (canvas, axes):
        for _, waves in rows.groupby("round") if "round" in rows else [(1, rows)]:
            _line(axes, waves, colour)
        _trajectory_frame(canvas, axes, rows, from_zero)
        means = zip(rows["wave"], rows["mean"], rows["withheld"], strict=True)
        texts = [f"wave {w}: {_mean_text(m, hidden)}" for w, m, hidden in means]
        svg = render_svg(canvas, name, title, "; ".join(texts))
    return Panel(title, svg, NARROW)


def _mean_text(mean: float, withheld: bool) -> str:
    if withheld:
        return "withheld"
    return number(mean, 2) if np.isfinite(mean) else "not known"


def _line(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    wave = rows["wave"].to_numpy(dtype=float)
    low, high = (
        rows["ci_low"].to_numpy(dtype=float),
        rows["ci_high"].to_numpy(dtype=float),
    )
    axes.vlines(wave, low, high, color=colour, linewidth=2, alpha=0.45)
    axes.plot(wave, rows["mean"], "-", color=colour, linewidth=1.6)
    axes.plot(
        wave, rows["mean"], "o", color=colour, markersize=6, markeredgecolor="white"
    )


def _trajectory_frame(
    canvas: Canvas, axes: Axes, rows: pd.DataFrame, from_zero: bool
) -> None:
    first, last = rows["wave"].min(), rows["wave"].max()
    axes.set_xlim(first - 0.4, last + 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(min(last - first + 1, 8), integer=True))
    ticks = _ticks(rows, from_zero)
    axes.set_yticks(ticks)
    axes.set_ylim(ticks[0], ticks[-1])
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("wave")
    canvas.subplots_adjust(left=0.13, right=0.98, top=0.96, bottom=0.24)


def _ticks(rows: pd.DataFrame, from_zero: bool) -> list[float]:
    """Round values from at or below the lowest to at or above the highest drawn."""
    values = rows[["mean", "ci_low", "ci_high"]].to_numpy(dtype=float)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    low = 0.0 if from_zero else low
    ticks = MaxNLocator(3, steps=_STEPS).tick_values(low, max(high, low + 0.1))
    return [float(tick) for tick in ticks if tick >= 0 or not from_zero]


@contextmanager
def draw_canvas(width: int, height: int) -> Iterator[tuple[Canvas, Axes]]:
    """A figure `width` by `height` pixels, outside of pyplot's global state."""
    with mpl.style.context(["default", STYLE]):
        canvas = Canvas(figsize=(width / 72, height / 72), facecolor="none")
        axes = canvas.add_subplot(facecolor="none")
        yield canvas, axes


def render_svg(canvas: Canvas, name: str, title: str, description: str) -> str:
    """The canvas as an accessible SVG element whose ids begin with `name`."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Text stays text: the reader's fonts draw it, so ours need not have the glyphs.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.savefig(
            buffer,
            format="svg",
            metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
        )
    drawing = buffer.getvalue()
    body = drawing[drawing.index(">", drawing.index("<svg")) + 1 :]
    # A style element here would reach the whole page that the drawing stands in.
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", body)
    body = body.replace("xlink:href", "href").replace("'DejaVu Sans'", FONTS)
    width, height = (round(72 * size) for size in canvas.get_size_inches())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}"'
        f' height="{height}" viewBox="0 0 {width} {height}"'
        f' aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{body.strip()}'
    )


def _numeric(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """A released table with what was withheld as NaN."""
    numbers = {
        c: pd.to_numeric(frame[c], errors="coerce").astype(float) for c in columns
    }
    return frame.assign(**numbers)
