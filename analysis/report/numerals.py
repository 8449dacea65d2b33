"""How released numbers are written for readers."""

from typing import Any

import numpy as np
import pandas as pd

ABSENT = "\u2013"


def decimals_for(width: float) -> int:
    """Decimals with which an interval `width` wide is given: two, or more if narrow."""
    return int(np.clip(1 - np.floor(np.log10(width)), 2, 4)) if width > 0 else 2


def number(value: float, decimals: int) -> str:
    """A number with a true minus sign, and no minus before a zero."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "\u2212")


def released_number(value: Any, decimals: int) -> str:
    """A number of a released table; `[REDACTED]` and a dash for none as they are."""
    if isinstance(value, str):
        return value
    return ABSENT if pd.isna(value) else number(float(value), decimals)


def released_count(value: Any) -> str:
    """A count of a released table, with commas; `[REDACTED]` as it is."""
    if isinstance(value, str):
        return value
    return "\u221e" if value == float("inf") else f"{value:,.0f}"


def p_text(value: float) -> str:
    """`.012`, `<.001` or `>.999`: three decimals, no leading zero."""
    if value < 0.001:
        return "<.001"
    return ">.999" if value >= 0.9995 else f"{value:.3f}".lstrip("0")
