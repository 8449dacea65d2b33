"""The curve of power: a chart for each outcome, a line for each function."""

from collections.abc import Mapping
from math import ceil

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from panelstream.analysis.power.summary import TARGET
from panelstream.analysis.report.figures import MUTED, RULE, STYLE, render_svg

COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    "#1d2733",
)
"""Okabe and Ito's, without yellow."""
MARKS = "osD^vP*X"
_WIDTH, _HEIGHT, _ACROSS = 420, 260, 2


def draw_power(table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """The curve as an SVG text: the chance that each function's effect is found.

    `table` as `summarise_simulations` gives it. Bars are 1.96 Monte Carlo errors.
    """
    outcomes = list(dict.fromkeys(table["outcome"]))
    across = min(_ACROSS, len(outcomes))
    down = ceil(len(outcomes) / across)
    size = (across * _WIDTH / 72, (down * _HEIGHT + 30) / 72)
    with mpl.style.context(["default", STYLE]):
        canvas = Figure(figsize=size, facecolor="white", layout="constrained")
        grid = canvas.subplots(down, across, squeeze=False, sharey=True).ravel()
        for axes in grid[len(outcomes) :]:
            axes.set_axis_off()
        for axes, outcome in zip(grid, outcomes, strict=False):
            _draw_outcome(axes, table[table["outcome"] == outcome], labels)
            axes.set_title(labels.get(outcome, outcome), fontsize=12, loc="left")
        handles = grid[0].get_legend_handles_labels()
        canvas.legend(*handles, loc="outside lower center", ncols=3, frameon=False)
        description = "The chance that the plan finds the smallest effect of interest"
        return (
            render_svg(canvas, "power", "Power by number of participants", description)
            + "\n"
        )


def _draw_outcome(axes: Axes, rows: pd.DataFrame, labels: Mapping[str, str]) -> None:
    axes.axhline(TARGET, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    lines = rows.groupby(["specification", "exposure"], sort=False)
    for number, (_, line) in enumerate(lines):
        line = line.sort_values("people")
        exposure = str(line["exposure"].iloc[0])
        name = labels.get(exposure, exposure)
        axes.errorbar(
            line["people"],
            line["alone"],
            yerr=1.96 * line["alone_error"],
            label=name,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKS[number % len(MARKS)],
            markersize=5,
            linewidth=1.6,
            elinewidth=1,
        )
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_xlabel("participants")
