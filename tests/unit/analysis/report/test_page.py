"""The page: answers in words, self-contained, the same bytes, no claim too far."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panelstream.analysis.estimation.estimates import ESTIMATE_COLUMNS
from panelstream.analysis.report.numerals import p_text
from panelstream.analysis.report.release import release
from panelstream.analysis.report.report import Report, make_report
from panelstream.analysis.report.sentences import event_lines
from panelstream.analysis.report.tables import (
    PAGE_FACTS,
    REPORT_TABLES,
    Builder,
    specification_curve,
)
from panelstream.analysis.report.tables.provenance import event_counts
from tests.lib import panels
from tests.lib.panels import Inputs


@pytest.fixture(scope="module")
def u2plus(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A study with a confirmatory plan."""
    return panels.u2plus(tmp_path_factory.mktemp("u2plus"))


@pytest.fixture(scope="module")
def page(u2plus: Inputs) -> str:
    """Its report, tags and all."""
    return _render(u2plus).html


def test_same_input_same_bytes(u2plus: Inputs, page: str) -> None:
    """Rendering again changes nothing."""
    assert _render(u2plus).html == page


def test_inputs_are_left_alone(u2plus: Inputs) -> None:
    """Rendering is pure: the frames come out as they went in."""
    before = u2plus.estimates.copy(), u2plus.panel.copy()
    _render(u2plus)
    pd.testing.assert_frame_equal(u2plus.estimates, before[0])
    pd.testing.assert_frame_equal(u2plus.panel, before[1])


def test_page_loads_nothing(page: str) -> None:
    """No script, no link element, and every reference stays on the page."""
    assert not re.search(r"<(script|link|iframe|img|object)\b|@import", page)
    references = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert references
    assert all(reference.startswith("#") for reference in references)


def test_an_answer_is_a_sentence(page: str) -> None:
    """Direction, size, interval, corrected p and verdict, in words."""
    answer = re.search(r"<li class=\"associated\">(.*?)</li>", page)
    assert answer
    text = unescape(re.sub(r"<[^>]+>", "", answer[1])).replace("\u00a0", " ")
    assert text == (
        "Reactions on one more day a week than usual for the same person went with a"
        " score 1.21 points lower on Perceived stigma (95\u202f% CI \u22121.84 to"
        " \u22120.58; Holm-corrected p = .003). 120 people changed;"
        " effective df 239. 25\u202f% of the answers are at the lowest score. associated"
    )


def test_summary_counts_the_verdicts(page: str) -> None:
    """18 planned, of which 2 associated, 1 negligible and 15 undecided."""
    assert "18 associations within people were planned" in page
    result = re.findall(r"<dt><b>(\d+)</b> ([a-z ]+)</dt>", page)
    assert result == [("2", "associated"), ("1", "negligible"), ("15", "undecided")]


def test_summary_comes_before_the_details(page: str) -> None:
    """A reader meets the result first."""
    sections = ("summary", "answers", "estimates")
    places = [page.index(f'id="{name}"') for name in sections]
    assert places == sorted(places)


def test_nothing_is_called_a_cause(page: str) -> None:
    """The word is association."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\bimpact|\bcaus|\beffects? of\b", text, re.IGNORECASE)


def test_contents_lead_somewhere(page: str) -> None:
    """Every entry of the contents has its section."""
    targets = re.findall(r'<a (?:class="skip" )?href="#([^"]+)"', page)
    assert len(targets) > 10
    assert all(f'id="{target}"' in page for target in targets)


def test_ids_are_unique(page: str) -> None:
    """Figures included."""
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_figures_and_tables_are_numbered_in_order(page: str) -> None:
    """As they come on the page, from 1 without a gap."""
    for kind in ("Figure", "Table"):
        numbers = [int(n) for n in re.findall(rf"<b>{kind} (\d+)\.", page)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_sensitivity_stands_below_the_plan(page: str) -> None:
    """The planned estimate is the first of each function's rows."""
    table = page[page.index('id="table-estimates_sensitivity"') :]
    specifications = re.findall(r'<td class="code">([a-z_.]+)</td>', table)
    assert specifications[:2] == ["functions", "functions.fixed_effects"]


def test_provenance_is_told(page: str) -> None:
    """As-of, hashes, versions, conventions and the rules of disclosure."""
    for fact in ("2027-11-02T00:00", "0123456789abcdef", "a" * 16, "numpy 2.4.0"):
        assert fact in page
    assert "cluster_person_cr1" in page
    assert "Counts of 1 to 7 are withheld" in page
    assert "computed from the rounded numbers of people" in page


def test_without_a_plan_nothing_is_answered(tmp_path: Path) -> None:
    """It is said so, results are called exploratory, and there are no verdicts."""
    page = _render(panels.forum(tmp_path)).html
    assert "has no confirmatory plan" in page
    assert 'id="exploratory"' in page
    assert 'id="answers"' not in page
    assert 'class="verdict' not in page


def test_what_users_write_is_text(tmp_path: Path) -> None:
    """Markup in titles and labels is shown, not obeyed."""
    page = _render(panels.forum(tmp_path)).html
    assert "A small &lt;forum&gt; &amp; its &#34;members&#34;" in page
    assert "<b>&</b>" not in page


def test_a_plan_that_could_not_be_fitted_is_said(u2plus: Inputs) -> None:
    """An estimate without numbers is an answer too, with its reason."""
    row = panels.estimate(
        estimate=np.nan, n_obs=0, verdict="not estimated", note="not fitted: no rows"
    )
    page = _with_estimates(u2plus, [row]).html
    assert "could not be estimated (not fitted: no rows)" in page


@pytest.mark.parametrize("verdict", ["not estimated", "undecided"])
def test_what_was_not_estimated_is_not_undecided(u2plus: Inputs, verdict: str) -> None:
    """The summary says so with the reason, whatever an older file calls it."""
    row = panels.estimate(
        estimate=np.nan, n_obs=0, verdict=verdict, note="not fitted: no rows"
    )
    page = _with_estimates(u2plus, [row]).html
    assert "<dt><b>1</b> not estimated</dt>" in page
    reason = "Reactions and Perceived stigma (not fitted: no rows)"
    assert f"no estimate: {reason}" in page
    assert "the data settle neither" not in page
    assert '<span class="verdict">undecided' not in page


def test_a_plan_without_estimates_is_said(u2plus: Inputs) -> None:
    """The study has a plan, but nothing came of it yet."""
    page = _with_estimates(u2plus, []).html
    assert "none of its estimates is here" in page


def test_too_few_people_give_no_answer(u2plus: Inputs) -> None:
    """Neither the sentence nor the summary tells a verdict."""
    row = panels.estimate(n_obs=12, n_participants=6, verdict="associated")
    page = _with_estimates(u2plus, [row]).html
    assert "withheld, as too few people stand behind the estimate" in page
    assert 'class="associated"' not in page


def test_few_users_give_no_answer(u2plus: Inputs) -> None:
    """7 of 240 people use a function: sentence, card and figure say withheld."""
    panel = u2plus.panel.copy()
    few = panel["participant_id"].isin(panel["participant_id"].unique()[:7])
    panel["reaction_days_per_week"] = panel["reaction_days_per_week"].where(few, 0.0)
    page = _render(replace(u2plus, panel=panel)).html
    assert "<dt><b>3</b> withheld</dt>" in page
    assert "too few people: Reactions and Perceived stigma" in page
    assert "Reactions (within) and Perceived stigma" in page
    answer = re.search(r'<li class="withheld">(.*?)</li>', page)
    assert answer
    assert "withheld, as too few people stand behind the estimate" in answer[1]


def test_event_counts_are_released_as_rows_with_totals(u2plus: Inputs) -> None:
    """6 rejected and 3 refused are withheld; 4 conflicting take 98 along."""
    [counts] = release([event_counts(u2plus.data)], u2plus.data.rule)
    assert dict(event_lines(counts)) == {
        "received": "104,205",
        "accepted": "104,100",
        "rejected": "[REDACTED]",
        "refused": "[REDACTED]",
        "stored": "104,100",
        "duplicate": "[REDACTED]",
        "conflicting": "[REDACTED]",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0004, "<.001"), (0.0123, ".012"), (0.05, ".050"), (0.9996, ">.999")],
)
def test_p_is_written_one_way(value: float, text: str) -> None:
    """Three decimals without the leading zero."""
    assert p_text(value) == text


def _render(inputs: Inputs) -> Report:
    return make_report(inputs.data)


def _with_estimates(inputs: Inputs, rows: list[dict[str, object]]) -> Report:
    frame = pd.DataFrame(rows, columns=list(ESTIMATE_COLUMNS))
    return _render(replace(inputs, estimates=frame))


def _with_checks(inputs: Inputs, rows: list[dict[str, object]]) -> Report:
    """Of estimates that the study's plan has not, so that nobody counts their people."""
    frame = pd.DataFrame(rows, columns=list(ESTIMATE_COLUMNS))
    data = replace(inputs, estimates=frame).data
    data.__dict__["people_behind"] = np.full(len(frame), 100.0)
    return make_report(data)


def test_the_lock_is_told(page: str) -> None:
    """Each version with how much had been seen, rounded, and every deviation."""
    for words in (
        f"Version 1 of the plan ({'b' * 16}) was locked on 2027-01-10, before any",
        f"Version 2 of the plan ({'d' * 16}) was locked on 2027-05-10, after 225",
        "The plan is not as it was locked",
        "<code>plan.confirmatory.signing_in.measure</code>: count → days_per_week",
    ):
        assert words in page
    assert "224 responses" not in page


def test_a_plan_that_is_not_locked_is_told(u2plus: Inputs) -> None:
    """In the summary, which then has no verdicts."""
    manifest = {**u2plus.manifest, "plan": {"hash": "a" * 16, "locks": []}}
    estimates = u2plus.estimates.assign(confirmatory=False, verdict="")
    page = _render(replace(u2plus, manifest=manifest, estimates=estimates)).html
    assert "has a confirmatory plan that is not locked" in page
    assert "The plan is not locked: nothing here is confirmatory." in page


OF_CURVES = (
    specification_curve.specification_curve,
    specification_curve.specification_curve_tests,
)
"""Tables of a plan with a specification curve; `test_curves` has one."""


@pytest.mark.parametrize(
    "builder",
    [builder for builder in (*REPORT_TABLES, *PAGE_FACTS) if builder not in OF_CURVES],
)
def test_every_table_has_rows_in_an_example(builder: Builder, u2plus: Inputs) -> None:
    """So its rules and its place on the page are tried here, not only declared."""
    assert len(builder(u2plus.data).exact)


def test_two_specifications_of_one_pair_carry_their_titles(u2plus: Inputs) -> None:
    """In the summary and in the sentence; a pair of one specification has none."""
    rows = [
        panels.estimate(title="Use now", verdict="associated"),
        panels.estimate(
            specification="before", title="Use before", verdict="negligible"
        ),
        panels.estimate(exposure="story", title="Use now", verdict="undecided"),
    ]
    page = _with_estimates(u2plus, rows).html
    assert "Reactions and Perceived stigma (Use now)" in page
    assert "Reactions and Perceived stigma (Use before)" in page
    assert "<b>Reactions</b> (Use before)" in page
    assert "<b>U2Friend stories</b> on" in page


def test_what_must_be_known_stands_beside_a_verdict(u2plus: Inputs) -> None:
    """Reservations, the lead of the same function, and that it is post hoc."""
    rows = [
        panels.estimate(
            verdict="associated", reservations="feedback not excluded", post_hoc=True
        ),
        panels.estimate(
            specification="functions.lead",
            timing="lead 1",
            confirmatory=False,
            estimate=0.12,
            std_error=0.3,
        ),
    ]
    page = _with_checks(u2plus, rows).html
    assert "Feedback not excluded." in page
    assert "Use of the next wave, a placebo: 0.12" in page
    assert "Post hoc: locked after the first answer" in page


@pytest.mark.parametrize(("timing", "shown"), [("same", True), ("lag 1", False)])
def test_a_model_that_allows_feedback_is_named(
    u2plus: Inputs, timing: str, shown: bool
) -> None:
    """Where leads doubt an estimate, that of the cross-lagged model of the same wave."""
    doubted = "undecided: feedback, confounding or error in use"
    rows = [
        panels.estimate(verdict=doubted),
        panels.estimate(
            specification="functions.ri_clpm",
            estimator="ri_clpm",
            timing=timing,
            confirmatory=False,
            estimate=-0.5,
        ),
    ]
    page = _with_checks(u2plus, rows).html
    assert (
        "Cross-lagged model, in which the outcome may lead to later use:" in page
    ) == shown
    assert "use may be measured with error" in page


def test_estimates_between_people_warn_of_dropout(u2plus: Inputs) -> None:
    """In the caption of table and figure."""
    rows = [panels.estimate(), panels.estimate(component="between")]
    page = _with_estimates(u2plus, rows).html
    assert page.count("biased by ordinary dropout") >= 2
