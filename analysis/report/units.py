"""What a released estimate is in, in words."""

from typing import Any

import pandas as pd

from panelstream.analysis.estimation.estimators import ESTIMATORS

_PER = {
    "days_per_week": "one active day a week more",
    "days": "one active day more",
    "count": "one use more",
    "frequency": "one frequency step more",
}


POINTS = "points"
"""The scale of estimators that are in points of the outcome."""


def outcome_scale(row: "pd.Series[Any]") -> str:
    """What of the outcome an estimate is in: points, or log odds or log rate."""
    return ESTIMATORS[row["estimator"]].scale


def scale(row: "pd.Series[Any]") -> str:
    """What an estimate is in: points, log odds or use, for one more of what."""
    if row["component"] == "reverse":
        return "use later for one point more of the outcome"
    preposition = "for" if row["transform"] == "any" else "per"
    return f"{outcome_scale(row)} {preposition} {unit(row)}"


def scales(rows: pd.DataFrame) -> "pd.Series[str]":
    """The scale of each row."""
    return pd.Series([scale(row) for _, row in rows.iterrows()], rows.index, dtype=str)


def unit(row: "pd.Series[Any]") -> str:
    """What one more of the exposure is, from its measure and transform."""
    if row["transform"] == "any":
        return "any use"
    if row["transform"] == "log1p":
        return f"unit of log(1 + {str(row['measure']).replace('_', ' ')})"
    return _PER.get(row["measure"], f"unit of {str(row['measure']).replace('_', ' ')}")
