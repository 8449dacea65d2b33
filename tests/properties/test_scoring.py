"""Any answers: the scores are those of a plain reading of the rules, and possible."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from panelstream.analysis.panel.scoring import score_instrument
from panelstream.models.instruments.instrument import (
    SHIPPED_INSTRUMENTS,
    Instrument,
    Item,
    Scale,
    find_instrument,
)

EXAMPLES = int(os.environ.get("PANELSTREAM_EXAMPLES", "25"))
SHIPPED = [
    find_instrument(path.stem, Path()).value
    for path in sorted(SHIPPED_INSTRUMENTS.glob("*.yaml"))
]
SCORED = {
    instrument.instrument: instrument
    for instrument in SHIPPED
    if any(scale.items for scale in instrument.scales)
}

Answers = dict[str, int | None]


def answered(item: Item) -> SearchStrategy[int | None]:
    """An answer that the item takes, or none; the ends and gaps come often."""
    low, high = item.range
    special = {low, high, item.not_applicable}
    codes = sorted(code for code in special if code is not None)
    return st.none() | st.sampled_from(codes) | st.integers(low, high)


def responses(instrument: Instrument) -> SearchStrategy[list[Answers]]:
    """A few responses to all items."""
    one = st.fixed_dictionaries({i.code: answered(i) for i in instrument.items})
    return st.lists(one, min_size=1, max_size=5)


def naive(instrument: Instrument, scale: Scale, row: Answers) -> tuple[float, int]:
    """One score and its missing items, straight from the words of the manual."""
    values, missing, left_out = [], 0, 0
    for item in instrument.items_of(scale):
        answer = row[item.code]
        if answer is None:
            missing += 1
        elif answer == item.not_applicable:
            left_out += 1
        else:
            values.append(sum(item.range) - answer if item.reversed else answer)
    reached = sum(value >= scale.at_least for value in values)
    if scale.method == "any" and reached:
        return 1, missing
    counts = scale.method in ("any", "count")
    answers = len(values) + (left_out if counts else 0)
    if answers < len(scale.items) - scale.missing.allowed:
        return np.nan, missing
    match scale.method:
        case "any":
            return 0, missing
        case "mean":
            return sum(values) / answers, missing
        case "count":
            return reached * len(scale.items) / answers, missing
        case _:
            return sum(values) * len(scale.items) / answers, missing


@pytest.mark.parametrize("name", SCORED)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_scores_are_a_plain_reading_of_the_rules(
    name: str, data: st.DataObject
) -> None:
    """Value, missing items, prorated or not, in any order of columns, within bounds."""
    instrument = SCORED[name]
    rows = data.draw(responses(instrument))
    order = data.draw(st.permutations([item.code for item in instrument.items]))
    frame = pd.DataFrame(rows, columns=order, dtype=float)
    scored = score_instrument(instrument, frame)
    for scale in instrument.scales:
        column = instrument.column(scale)
        expected = [naive(instrument, scale, row) for row in rows]
        values = [value for value, _ in expected]
        assert scored[column].tolist() == pytest.approx(values, nan_ok=True)
        assert scored[f"{column}_missing"].tolist() == [n for _, n in expected]
        prorated = [v == v and n > 0 and scale.method != "any" for v, n in expected]
        assert scored[f"{column}_prorated"].tolist() == prorated
        low, high = instrument.bounds(scale) or (-np.inf, np.inf)
        assert scored[column].dropna().between(low, high).all()
