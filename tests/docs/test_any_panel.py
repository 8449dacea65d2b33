"""docs/how-to/any-panel.md is executed: its plan is fitted to a public panel."""

from pathlib import Path

import pandas as pd
import pytest

from panelstream.models.study.study import PanelStudy
from tests.docs import documents, shapes, shells
from tests.docs.test_tutorial import printed, shown

PAGE = "docs/how-to/any-panel.md"
TEXT = documents.read(PAGE)


def test_every_key_is_documented() -> None:
    """The keys are those of the shape."""
    result = shapes.documented_keys(PAGE, "Its study file")
    assert result == shapes.keys(PanelStudy)


def test_the_example_runs_and_prints_what_it_shows(tmp_path: Path) -> None:
    """Union membership within persons is 0.0800 in Vella & Verbeek (1998), table II."""
    [block] = documents.blocks(TEXT, "yaml")
    (tmp_path / "study.yaml").write_text(block.text, encoding="utf-8")
    steps = list(shown(PAGE))
    outputs = shells.run([script for script, _ in steps], tmp_path)
    for (_, lines), output in zip(steps, outputs, strict=True):
        assert [line for line in lines if not printed(line, output)] == []
    estimates = pd.read_csv(tmp_path / "results/private/estimates.csv")
    assert not estimates["confirmatory"].any()
    within = estimates.loc[estimates["component"] == "within", "estimate"]
    assert within.iloc[0] == pytest.approx(within.iloc[1], rel=1e-8)
    assert within.iloc[0] == pytest.approx(0.08, abs=0.0005)
