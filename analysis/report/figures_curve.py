"""The figure of specification curves: a curve above, its choices below.

Estimates are sorted by size; below each one a mark in every fork says which alternative
it was made with (Simonsohn, Simmons & Nelson 2020, Nature Human Behaviour 4).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from panelstream.analysis.report.figures import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    RULE,
    WIDE,
    Figure,
    Panel,
    draw_canvas,
    render_svg,
)
from panelstream.analysis.report.numerals import number
from panelstream.analysis.report.release import ReleasedTable
from panelstream.models.arrays import Codes, Vector

FORKS = (
    "window",
    "measure",
    "transform",
    "estimator",
    "covariates",
    "exclude",
    "weights",
)
CURVE_HEIGHT, LINE_HEIGHT = 150, 17
LEFT, LABEL_SIZE = 0.43, 10
"""What the names of alternatives need: a part of the width, and points."""
_NUMBERS = ("standardized", "standardized_low", "standardized_high", "p_value")


def draw_curves(table: ReleasedTable, labels: Mapping[str, str]) -> Figure:
    """A panel for each exposure of each curve."""
    frame = table.frame
    numbers = {c: pd.to_numeric(frame[c], errors="coerce") for c in _NUMBERS}
    rows = frame.assign(**numbers)
    rows = rows[rows["standardized"].notna()]
    keys = ["specification", "outcome", "exposures", "exposure"]
    groups = rows.groupby(keys, sort=False) if len(rows) else ()
    panels = tuple(
        _panel(f"specification-curve-{place}", group, labels)
        for place, (_, group) in enumerate(groups)
    )
    caption = (
        "Above: within-person estimates of all combinations, sorted by size, with 95 %"
        " confidence intervals, for one standard deviation of the use, in standard"
        " deviations of the outcome, both within people. Blue: p below .05; grey: not. Below: the"
        " alternatives that each estimate was made with; an alternative that all share is"
        " left out. \u25c7 Orange: the planned specification."
    )
    return Figure("specification_curve", "Specification curves", caption, panels)


def _panel(name: str, rows: pd.DataFrame, labels: Mapping[str, str]) -> Panel:
    first = rows.iloc[0]
    exposure, outcome = (
        labels.get(str(first[key]), str(first[key])) for key in ("exposure", "outcome")
    )
    title = f"{exposure}: {outcome} ({first['specification']})"
    marks = _marks(rows)
    with draw_canvas(WIDE, CURVE_HEIGHT + LINE_HEIGHT * (len(marks) + 1)) as (
        canvas,
        axes,
    ):
        share = CURVE_HEIGHT / (canvas.get_figheight() * 72)
        axes.set_position((LEFT, 1 - 0.92 * share, 0.98 - LEFT, 0.88 * share))
        below = canvas.add_axes(
            (LEFT, 0.01, 0.98 - LEFT, 0.97 - share), facecolor="none"
        )
        _draw_curve(axes, rows)
        _draw_marks(below, marks, len(rows))
        svg = render_svg(canvas, name, title, _description(rows))
    return Panel(title, svg, WIDE)


def _marks(rows: pd.DataFrame) -> list[tuple[str, Codes]]:
    """Each alternative of each fork, and the places (m,) of its estimates."""
    return [
        (f"{fork}: {choice}".replace("_", " "), np.flatnonzero(rows[fork] == choice))
        for fork in FORKS
        for choice in _choices(rows, fork)
    ]


def _choices(rows: pd.DataFrame, fork: str) -> Sequence[str]:
    choices = list(rows[fork].dropna().unique())
    return choices if len(choices) > 1 else []


def _draw_curve(axes: Axes, rows: pd.DataFrame) -> None:
    estimates = rows["standardized"].to_numpy(dtype=float)
    low, high = (
        rows[f"standardized_{end}"].to_numpy(dtype=float) for end in ("low", "high")
    )
    places = np.arange(len(rows))
    significant = rows["p_value"].to_numpy(dtype=float) < 0.05
    axes.axhline(0, color=MUTED, linewidth=1, zorder=1)
    for mask, colour in ((significant, BLUE), (~significant, MUTED)):
        _segments(axes, places[mask], low[mask], high[mask], colour, 0.8)
        tick = (np.nanmax(high) - np.nanmin(low)) / 60
        centre = estimates[mask]
        _segments(axes, places[mask], centre - tick, centre + tick, colour, 3)
    planned = np.flatnonzero(rows["planned"].astype(str) == "True")
    axes.plot(
        planned,
        estimates[planned],
        "D",
        color=ORANGE,
        markerfacecolor="white",
        markersize=6,
        zorder=3,
    )
    axes.set_xlim(-1, len(rows))
    axes.set_xticks([])
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_ylabel("standardized")
    axes.spines["bottom"].set_visible(False)


def _segments(
    axes: Axes, places: Codes, low: Vector, high: Vector, colour: str, width: float
) -> None:
    """Vertical lines as one path, however many there are."""
    gaps = np.full(len(places), np.nan)
    axes.plot(
        np.column_stack([places, places, gaps]).ravel(),
        np.column_stack([low, high, gaps]).ravel(),
        color=colour,
        linewidth=width,
        solid_capstyle="butt",
        zorder=2,
    )


def _draw_marks(axes: Axes, marks: Sequence[tuple[str, Codes]], estimates: int) -> None:
    for line, (_, places) in enumerate(marks):
        centre = np.full(len(places), float(line))
        _segments(axes, places, centre - 0.3, centre + 0.3, INK, 1.2)
        axes.axhline(line + 0.5, color=RULE, linewidth=0.6, zorder=0)
    axes.set_xlim(-1, estimates)
    axes.set_ylim(len(marks) - 0.4, -0.6)
    axes.set_xticks([])
    names = [label for label, _ in marks]
    axes.set_yticks(range(len(marks)), names, color=INK, fontsize=LABEL_SIZE)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _description(rows: pd.DataFrame) -> str:
    """The curve in words, for a reader who does not see it."""
    estimates = rows["standardized"].to_numpy(dtype=float)
    significant = int((rows["p_value"] < 0.05).sum())
    lowest, median, highest = (
        number(float(value), 3)
        for value in (estimates.min(), np.median(estimates), estimates.max())
    )
    return (
        f"{len(rows)} specifications, from {lowest} to {highest}, median {median};"
        f" {int((estimates > 0).sum())} above zero, {significant} with p below .05"
    )
