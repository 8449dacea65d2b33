"""From where to where people move, and the share of rows without use."""

import numpy as np
import pandas as pd

from panelstream.analysis.estimation.design import Design, build_design
from panelstream.analysis.estimation.shape import movements, zero_shares
from tests.lib.planted import OUTCOME, USE, specify

SPECIFICATION = specify("fixed_effects")


def design_of(use: list[list[float]]) -> Design:
    """Of people with these values of use, one list each."""
    persons, waves = len(use), len(use[0])
    rows = {
        "participant_id": np.repeat([f"p{i:02d}" for i in range(persons)], waves),
        "wave": np.tile(np.arange(1, waves + 1), persons),
        OUTCOME: np.arange(persons * waves) % 5,
        USE: np.ravel(use),
    }
    return build_design(SPECIFICATION, pd.DataFrame(rows))


def test_people_move_from_the_median_of_their_least_to_that_of_their_most_use() -> None:
    """Ten people move from 0 to 1, ..., 10; two, who do not, do not count."""
    use = [[float(i), 0.0, 0.0] for i in range(1, 11)] + [[7.0] * 3, [0.0] * 3]
    rows = {row.test: row.statistic for row in movements(SPECIFICATION, design_of(use))}
    assert rows == {"movement_low": 0.0, "movement_high": 5.5}


def test_movement_of_a_few_people_is_not_shown() -> None:
    """The median of nine would be what one of them did."""
    use = [[float(i), 0.0] for i in range(1, 10)] + [[0.0, 0.0]] * 5
    rows = list(movements(SPECIFICATION, design_of(use)))
    assert [row.note for row in rows] == [
        f"{USE}: not estimable: fewer than 10 people change"
    ] * 2
    assert all(np.isnan(row.statistic) for row in rows)


def test_the_share_without_use_counts_rows() -> None:
    """Three of eight rows have none."""
    use = [[0.0, 1.0], [0.0, 2.0], [3.0, 0.0], [1.0, 1.0]]
    (row,) = zero_shares(SPECIFICATION, design_of(use))
    assert row.statistic == 3 / 8
