"""The figures: the same bytes, readable by machines and screen readers alike."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from panelstream.analysis.report import figures
from panelstream.analysis.report.figures import Figure
from panelstream.analysis.report.labels import labels
from panelstream.analysis.report.numerals import decimals_for, number
from panelstream.analysis.report.units import scale
from tests.lib import panels
from tests.lib.panels import Inputs

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figure]:
    """Every figure of the full study."""
    return _drawn(panels.u2plus(tmp_path_factory.mktemp("figures")))


def test_same_input_same_bytes(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    """Drawing again, from scratch, changes nothing."""
    assert _drawn(panels.u2plus(tmp_path)) == drawn


def test_panels_are_accessible(drawn: dict[str, Figure]) -> None:
    """Each is an image with a title and a description that it points to."""
    for panel in _panels(drawn):
        root = ET.fromstring(panel)
        named = [root.find(f"{SVG}{tag}") for tag in ("title", "desc")]
        ids = " ".join(entry.attrib["id"] for entry in named if entry is not None)
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-labelledby"] == ids
        assert all(entry is not None and entry.text is not None for entry in named)


def test_ids_are_unique_on_a_page(drawn: dict[str, Figure]) -> None:
    """Panels stand on one page, where an id may occur once."""
    ids = re.findall(r'\bid="([^"]+)"', "".join(_panels(drawn)))
    assert len(ids) == len(set(ids))


def test_references_resolve_within_the_panel(drawn: dict[str, Figure]) -> None:
    """Clip paths and markers are those of the same panel."""
    for panel in _panels(drawn):
        used = re.findall(r'(?:href="#|url\(#)([^")]+)', panel)
        assert used
        assert set(used) <= set(re.findall(r'\bid="([^"]+)"', panel))


def test_text_stays_text(drawn: dict[str, Figure]) -> None:
    """Labels can be selected and searched, in the reader's fonts."""
    panel = drawn["confirmatory"].panels[0].svg
    assert ">Reactions</text>" in panel
    assert "DejaVu" not in panel


def test_a_panel_per_outcome_and_function(drawn: dict[str, Figure]) -> None:
    """Three planned outcomes, six functions, four outcomes over the waves."""
    sizes = {name: len(figure.panels) for name, figure in drawn.items()}
    assert (sizes["confirmatory"], sizes["use"], sizes["outcomes"]) == (3, 6, 4)


def test_band_only_where_a_smallest_effect_is_set(drawn: dict[str, Figure]) -> None:
    """The third outcome has none in the study file."""
    banded = [figures.BAND in panel.svg for panel in drawn["confirmatory"].panels]
    assert banded == [True, True, False]


@pytest.mark.parametrize(
    ("estimator", "component", "words"),
    [
        ("gmm", "within", "points per one active day a week more"),
        ("gee", "within", "log odds or log rate per one active day a week more"),
        ("ri_clpm", "reverse", "use later for one point more of the outcome"),
    ],
)
def test_what_an_estimate_is_in(estimator: str, component: str, words: str) -> None:
    """Not everything is in points of the outcome."""
    row = pd.Series(
        {
            "estimator": estimator,
            "component": component,
            "measure": "days_per_week",
            "transform": "none",
        }
    )
    assert scale(row) == words


def test_labels_are_taken_literally(tmp_path: Path) -> None:
    """Markup and dollar signs in a label are characters, not instructions."""
    panel = _drawn(panels.forum(tmp_path))["exploratory"].panels[0].svg
    root = ET.fromstring(panel)
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert "Posts <b>&</b> $threads$" in texts


def test_withheld_waves_have_no_point(tmp_path: Path) -> None:
    """What a table withholds, its figure does not draw."""
    drawn = _drawn(panels.forum(tmp_path))
    assert "wave 4: withheld" in drawn["outcomes"].panels[0].svg
    assert "wave 4: withheld" in drawn["participant_flow"].panels[0].svg


def test_withheld_estimates_are_not_drawn(tmp_path: Path) -> None:
    """A forest of withheld estimates has no panels."""
    inputs = panels.forum(tmp_path)
    few = replace(inputs, estimates=inputs.estimates.assign(n_participants=7))
    assert _forest(few, "estimates_exploratory").panels == ()


def test_where_nothing_is_withheld_nothing_is_said(drawn: dict[str, Figure]) -> None:
    """The caption of a full figure does not speak of withholding."""
    assert "Withheld" not in drawn["confirmatory"].caption


def test_the_caption_names_what_is_withheld(tmp_path: Path) -> None:
    """By function, comparison and outcome."""
    inputs = panels.forum(tmp_path)
    few = inputs.estimates["exposure"] == "reply"
    people = inputs.estimates["n_participants"].mask(few, 7)
    inputs = replace(inputs, estimates=inputs.estimates.assign(n_participants=people))
    figure = _forest(inputs, "estimates_exploratory")
    assert len(figure.panels) == 1
    assert "Withheld" in figure.caption
    assert "reply (within) and Calm" in figure.caption


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(-1.2345, 2, "\u22121.23"), (-0.001, 2, "0.00"), (12.0, 1, "12.0")],
)
def test_numbers_have_true_minus_signs(value: float, decimals: int, text: str) -> None:
    """And there is no negative zero."""
    assert number(value, decimals) == text


@pytest.mark.parametrize(("width", "decimals"), [(1.26, 2), (0.15, 2), (0.05, 3)])
def test_narrow_intervals_get_more_decimals(width: float, decimals: int) -> None:
    """An interval is told with two digits of its width at least."""
    assert decimals_for(width) == decimals


def _drawn(inputs: Inputs) -> dict[str, Figure]:
    tables, names = inputs.released(), labels(inputs.folder)
    drawn = [
        _forest(inputs, f"estimates_{part}")
        for part in ("confirmatory", "exploratory")
        if f"estimates_{part}" in tables
    ]
    drawn += [
        figures.draw_participant_flow(tables["participant_flow"]),
        figures.draw_use(tables["use"], names),
        figures.draw_outcomes(tables["outcomes_by_wave"], names),
    ]
    return {figure.name: figure for figure in drawn}


def _forest(inputs: Inputs, table: str) -> Figure:
    return figures.draw_forest(
        inputs.released()[table],
        labels(inputs.folder),
        inputs.folder.study,
        table.removeprefix("estimates_"),
    )


def _panels(drawn: dict[str, Figure]) -> list[str]:
    return [panel.svg for figure in drawn.values() for panel in figure.panels]
