"""The combinations of a specification curve, and what a plan may not ask of one."""

from pathlib import Path

import pytest

from panelstream.analysis.plan.curves import (
    SAME,
    WEIGHTED_EXCLUSION,
    Curve,
    expand_curves,
)
from panelstream.models.errors import FileError
from panelstream.models.study.load import load_panel_study, load_study

STUDY = """\
study: panel
title: A panel
timezone: Asia/Tokyo
waves:
  - {wave: 1, opens_on: 2027-01-11, closes_on: 2027-01-31}
  - {wave: 2, opens_on: 2027-04-12, closes_on: 2027-05-02}
instruments: [phq9, pdd, demographics]
exposure: {functions: [story, cycle]}
outcomes: [phq9_total, pdd_total]
covariates: {previous_wave: [phq9_total]}
plan:
  confirmatory:
    - specification: main
      estimator: fixed_effects
      outcomes: [phq9_total, pdd_total]
      exposures: [story]
    - specification: mixed
      estimator: pooled
      outcomes: [phq9_total]
      exposures: [story]
  specification_curve:
    start_from: [main]
    forks:
      window: [between_waves, {lookback: 28}]
      estimator: [fixed_effects, first_difference]
      covariates: [[], [previous_wave]]
      exclude: [nobody, first_wave]
      weights: [none, attrition]
"""


def load_curves(folder: Path, text: str) -> list[Curve]:
    """The curves of a study folder with the text."""
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return expand_curves(load_study(folder).study)


def test_every_valid_combination_is_there_once(tmp_path: Path) -> None:
    """32 for each outcome: 8 weigh and exclude; of the outcome's own score 24 become 12."""
    phq9, pdd = load_curves(tmp_path, STUDY)
    assert len(pdd.branches) == 24
    assert pdd.left_out == {WEIGHTED_EXCLUSION: 8}
    # The only score of the wave before is the outcome's own, and left out.
    assert len(phq9.branches) == 12
    assert phq9.left_out == {WEIGHTED_EXCLUSION: 8, SAME: 12}
    keys = {(branch.specification, branch.exclude) for branch in pdd.branches}
    assert len(keys) == 24


def test_the_start_is_marked_once(tmp_path: Path) -> None:
    """As it was planned, under the curve's name; effects follow the estimator."""
    for curve in load_curves(tmp_path, STUDY):
        [planned] = [branch for branch in curve.branches if branch.planned]
        assert planned.specification == curve.start
        assert curve.start.specification == "main.curve"
        assert not curve.start.confirmatory
        assert planned.exclude == "nobody"
        for branch in curve.branches:
            persons = "participant" in branch.specification.effects
            assert persons == (branch.specification.estimator == "fixed_effects")
            assert "wave" in branch.specification.effects


def test_windows_of_a_curve_are_windows_of_the_study(tmp_path: Path) -> None:
    """Their panels are built."""
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    names = [window.name for window in load_study(tmp_path).study.windows]
    assert names == ["between_waves", "lookback_28"]


def test_a_plan_without_a_curve_has_none(tmp_path: Path) -> None:
    """Nothing is made of nothing."""
    assert load_curves(tmp_path, STUDY.partition("  specification_curve")[0]) == []


MISTAKES = {
    ("      weights: [none, attrition]", "      colour: [red, blue]"): (
        "unknown key 'colour'"
    ),
    ("[none, attrition]", "[none]"): "a fork has two alternatives or more",
    ("[none, attrition]", "[none, none]"): "an alternative is there twice",
    ("start_from: [main]", "start_from: [mane]"): (
        "no confirmatory specification 'mane'; did you mean 'main'?"
    ),
    ("start_from: [main]", "start_from: [mixed]"): (
        "'mixed' is fitted by pooled, whose estimates are not comparable"
    ),
    ("[fixed_effects, first_difference]", "[fixed_effects, gee]"): (
        "estimates of gee are not comparable"
    ),
    ("[between_waves, {lookback: 28}]", "[{lookback: 7}, {lookback: 28}]"): (
        "'main' is fitted with the window between_waves, which is no alternative here"
    ),
    ("weights: [none, attrition]", "weights: [none, participation]"): (
        "participation weights use telemetry"
    ),
    ("weights: [none, attrition]", "measure: [days_per_week, hours]"): (
        "no measure of a function 'hours'"
    ),
    (
        "    start_from: [main]",
        "    predicted: {pdd: negative}\n    start_from: [main]",
    ): ("no outcome 'pdd' in the curve"),
    ("    start_from: [main]", "    permutations: 10\n    start_from: [main]"): (
        "permutations"
    ),
}


@pytest.mark.parametrize(("change", "problem"), MISTAKES.items())
def test_mistakes_have_a_line_and_a_remedy(
    change: tuple[str, str], problem: str, tmp_path: Path
) -> None:
    """Each in one line, with the place in the file."""
    assert STUDY.count(change[0]) == 1
    with pytest.raises(FileError) as refusal:
        load_curves(tmp_path, STUDY.replace(*change))
    assert problem in refusal.value.problem
    assert int(refusal.value.place) >= 20


def test_too_many_combinations_are_refused(tmp_path: Path) -> None:
    """33 windows make 33 x 16 = 528."""
    windows = ", ".join(f"{{lookback: {days}}}" for days in range(1, 33))
    with pytest.raises(FileError, match="528 combinations, and 500 at most"):
        load_curves(tmp_path, STUDY.replace("{lookback: 28}", windows))


def test_a_panel_from_elsewhere_has_no_windows(tmp_path: Path) -> None:
    """Its columns are taken as they are, and have no signs of careless answering."""
    text = """\
study: panel
title: A panel
plan:
  confirmatory:
    - {specification: main, estimator: fixed_effects, outcomes: [y], exposures: [x]}
  specification_curve:
    forks:
      %s
"""
    path = tmp_path / "study.yaml"
    for fork, problem in (
        ("window: [between_waves, {lookback: 7}]", "taken as they are"),
        ("exclude: [nobody, careless]", "of a study's own panel"),
    ):
        path.write_text(text % fork, encoding="utf-8")
        with pytest.raises(FileError, match=problem):
            load_panel_study(tmp_path)
    path.write_text(text % "transform: [none, log1p]", encoding="utf-8")
    [curve] = expand_curves(load_panel_study(tmp_path).value)
    assert [b.specification.transform for b in curve.branches] == ["none", "log1p"]
