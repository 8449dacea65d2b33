"""Any small study: no number is in public/ that `release()` did not let out."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from panelstream.analysis.estimation.estimates import ESTIMATE_COLUMNS
from panelstream.analysis.panel.reliability import RELIABILITY_COLUMNS
from panelstream.analysis.report import figures, page
from panelstream.analysis.report.input import ReportInput
from panelstream.analysis.report.labels import labels
from panelstream.analysis.report.release import REDACTED, ReleasedTable, release
from panelstream.analysis.report.report import Report, make_report
from panelstream.analysis.report.table import (
    Cell,
    Count,
    Label,
    Ordinal,
    Share,
    Table,
    TableColumn,
    Total,
)
from panelstream.analysis.report.tables import PAGE_FACTS, REPORT_TABLES, build_tables
from panelstream.analysis.report.tables.participants import participant_flow
from panelstream.flows.public_folder import write_public
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from tests.lib import panels

EXAMPLES = int(os.environ.get("PANELSTREAM_EXAMPLES", "12")) // 2
WAVES = (101, 102)
"""So high that no count of few people looks like the number of a wave."""

STUDY = """
study: small
title: A small study
timezone: Asia/Tokyo
waves:
  - {wave: 101, opens_on: 2028-08-08, closes_on: 2028-08-18}
  - {wave: 102, opens_on: 2028-09-08, closes_on: 2028-09-18}
instruments: [phq9, pdd]
exposure: {window: between_waves, first_window_days: 28, functions: [reaction, story]}
outcomes: [pdd_total]
plan:
  confirmatory:
    - specification: functions
      estimator: within_between
      outcomes: [pdd_total]
      exposures: [reaction, story]
"""
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
PLACES = re.compile(r"\b(?:Table|Figure|Version) \d+|class=\"lead\">\d+|<dt><b>\d+</b>")
"""Numbers of tables, figures and locks, and how often each verdict was reached."""


@dataclass(frozen=True)
class People:
    """How many there are of everything that a small study counts."""

    everybody: int
    answered: int
    users: int
    changing: int
    analysed: int
    watched: int
    events: tuple[int, ...]
    seed: int


@st.composite
def people(draw: st.DrawFn) -> People:
    """Any numbers of people, few of them as often as many."""
    everybody = draw(st.integers(12, 60))
    some = st.one_of(st.integers(0, 9), st.integers(0, everybody)).map(
        lambda number: min(number, everybody)
    )
    events = st.one_of(st.integers(0, 9), st.integers(0, 99_999))
    return People(
        everybody=everybody,
        answered=draw(some),
        users=draw(some),
        changing=draw(some),
        analysed=draw(some),
        watched=draw(some),
        events=tuple(draw(events) for _ in range(6)),
        seed=draw(st.integers(0, 99)),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The study that has these people."""
    path = tmp_path_factory.mktemp("study")
    (path / "study.yaml").write_text(STUDY, encoding="utf-8")
    return load_study(path)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a page takes a second
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(people())
def test_public_holds_released_numbers_only(
    folder: StudyFolder, tmp_path: Path, counted: People
) -> None:
    """In every file: a released number, or one of the study file or the wording.

    Tables are read cell by cell, the page and its figures as text with titles and
    descriptions. Numbers beside axes are round ones, and are left out.
    """
    data = _data(folder, counted)
    report = make_report(data)
    write_public(report, tmp_path)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    names = {f"tables/{table.name}.csv" for table in report.tables}
    assert files == {"report.html", *names}
    for table in report.tables:
        text = (tmp_path / f"tables/{table.name}.csv").read_text(encoding="utf-8")
        assert text == table.csv()
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert _foreign(html, data) == set()


@settings(max_examples=EXAMPLES, deadline=None)
@given(people())
def test_no_small_count_is_released(folder: StudyFolder, counted: People) -> None:
    """Every count, part and total is 0, a multiple of 5 from 10 on, or withheld."""
    data = _data(folder, counted)
    exact = (*build_tables(REPORT_TABLES, data), *build_tables(PAGE_FACTS, data))
    for table, released in zip(exact, release(exact, data.rule), strict=True):
        for column in table.columns:
            if isinstance(column.kind, Count | Share | Cell | Total):
                counts = released.frame[column.name].dropna()
                shown = counts[counts != REDACTED].astype(float)
                assert ((shown == 0) | ((shown >= 10) & (shown % 5 == 0))).all()


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), st.lists(st.integers(2, 11), min_size=2, max_size=2))
def test_a_figure_draws_what_was_released(
    folder: StudyFolder, draw: st.DataObject, fives: list[int]
) -> None:
    """Two studies of which the same is released have the same drawing to the byte."""
    few, many = sorted(fives)
    flows = []
    for _ in range(2):
        eligible = 5 * (many + 4) + draw.draw(st.integers(-2, 2))
        answered = 5 * few + draw.draw(st.integers(-2, 2))
        counted = People(eligible, answered, 9, 9, 9, 9, (9,) * 6, 1)
        data = _data(folder, counted)
        [flow] = release([participant_flow(data)], data.rule)
        flows.append(flow)
    assert flows[0].csv() == flows[1].csv()
    drawings = [figures.draw_participant_flow(flow) for flow in flows]
    assert drawings[0] == drawings[1]


def test_a_number_that_was_not_released_is_seen(folder: StudyFolder) -> None:
    """The check has teeth: an exact number in a sentence, a cell or a description."""
    data = _data(folder, People(43, 38, 23, 19, 41, 6, (8, 3, 2, 6, 98, 4), 1))
    html = make_report(data).html
    assert _foreign(html, data) == set()
    for place in (
        "<p>43 people</p>",
        "<td>38</td>",
        "<svg><desc>6 of them</desc></svg>",
    ):
        assert len(_foreign(html + place, data)) == 1


def test_exact_counts_cannot_be_written(folder: StudyFolder, tmp_path: Path) -> None:
    """Answers by timing: neither undeclared, nor exact; released, few are withheld."""
    answers = pd.DataFrame(
        {"wave": [101] * 28, "timing": ["in_time"] * 25 + ["late"] * 3}
    )
    exact = answers.groupby(["wave", "timing"]).size().rename("people").reset_index()
    name, title = "answers_by_timing", "Answers by timing"
    keys = (TableColumn("wave", Ordinal(WAVES)), TableColumn("timing", Label()))
    with pytest.raises(ValueError, match="people is not declared"):
        Table(name, title, "", exact, keys)
    with pytest.raises(ValueError, match="people is no Label"):
        Table(name, title, "", exact, (*keys, TableColumn("people", Label())))
    table = Table(
        name, title, "", exact, (*keys, TableColumn("people", Count("people")))
    )
    with pytest.raises(AttributeError):
        write_public(Report(folder.study, (table,), (), {}), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        write_public(Report(folder.study, (exact,), (), {}), tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("*.csv"))
    released = release([table], folder.study.disclosure)
    write_public(Report(folder.study, released, (), {}), tmp_path)
    written = (tmp_path / "tables/answers_by_timing.csv").read_text(encoding="utf-8")
    assert written.splitlines()[1:] == [
        "101,in_time,25.0",
        f"101,late,{REDACTED}",
    ]


def _foreign(html: str, data: ReportInput) -> set[str]:
    """Numbers on the page that neither a released table nor the wording has."""
    tables = release(build_tables(REPORT_TABLES, data), data.rule)
    facts = release(build_tables(PAGE_FACTS, data), data.rule)
    return (
        set(_numbers(_text(html))) - _wording(data.folder) - _spelt((*tables, *facts))
    )


def _spelt(tables: Iterable[ReleasedTable]) -> set[str]:
    """Every cell as the page may write it; a percentage also as a whole number."""
    columns = [column for table in tables for column in table.frame.items()]
    return {
        spelling
        for name, cells in columns
        for cell in cells
        for spelling in _spellings(cell, str(name).endswith("_percent"))
    }


def _spellings(cell: Any, percentage: bool) -> Iterator[str]:
    if isinstance(cell, str):
        yield from _numbers(cell)
        return
    if cell is None or not np.isfinite(cell):
        return
    size = abs(float(cell))
    if percentage or size.is_integer():
        yield f"{size:.0f}"
    for decimals in (1, 2, 3, 4):
        yield f"{size:.{decimals}f}"
        yield f"{size:.{decimals}f}".lstrip("0")


def _wording(folder: StudyFolder) -> set[str]:
    """Numbers of the study file, the rule, the labels, the template and the captions.

    Captions are those of another study's people: they say nothing of these.
    """
    template = (page.TEMPLATES / page.TEMPLATE).read_text(encoding="utf-8")
    rule = folder.study.disclosure
    others = _data(folder, People(34, 33, 28, 27, 30, 20, (50,) * 6, 2))
    exact = build_tables(REPORT_TABLES, others)
    headings = [column.heading for table in exact for column in table.layout.columns]
    texts = (
        folder.text,
        f"{rule.suppress_below - 1} {rule.round_to}",
        *labels(folder).values(),
        _text(re.sub(r"\{[{%].*?[%}]\}", " ", template, flags=re.DOTALL)),
        *(table.caption for table in exact),
        *headings,
        *page.STD_ERRORS.values(),
        *page.STD_ERRORS,
    )
    return {"95", ".001", ".999", *(n for text in texts for n in _numbers(text))}


def _numbers(text: str) -> Iterator[str]:
    for number in NUMBER.findall(text):
        yield number.replace(",", "")


def _text(html: str) -> str:
    reader = _Reader()
    reader.feed(PLACES.sub(" ", html))
    return " ".join(reader.texts)


@dataclass
class _Reader(HTMLParser):
    """What a reader sees or is read to, save styles and the numbers beside axes."""

    texts: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.texts += [attributes.get(name) or "" for name in ("alt", "aria-label")]
        if (
            tag == "style"
            or "tick_" in (attributes.get("id") or "")
            or (self.hidden and tag == self.hidden[-1])
        ):
            self.hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.hidden and tag == self.hidden[-1]:
            self.hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.texts.append(data)


def _data(folder: StudyFolder, counted: People) -> ReportInput:
    study, rng = folder.study, np.random.default_rng(counted.seed)
    panel = _panel(counted, rng)
    return ReportInput(
        folder,
        {study.own_window: panel},
        _estimates(counted, rng),
        _tests(counted),
        _reliability(counted),
        _manifest(counted),
    )


def _panel(counted: People, rng: np.random.Generator) -> pd.DataFrame:
    keys = pd.MultiIndex.from_product(
        [[f"{n:032x}" for n in range(counted.everybody)], WAVES],
        names=["participant_id", "wave"],
    )
    panel = keys.to_frame(index=False)
    panel["round"], panel["wave_index"] = 1, panel["wave"] - WAVES[0]
    person = panel.index.to_numpy() // len(WAVES)
    answered = person < counted.answered
    opened = pd.Timestamp("2028-08-09", tz="UTC")
    panel["responded_at"] = pd.Series(opened, index=panel.index).where(answered)
    for function in ("reaction", "story"):
        usual = rng.integers(1, 9, counted.everybody)[person]
        change = np.where(person < counted.changing, panel["wave_index"], 0)
        days = np.where(person < counted.users, usual + change, 0).astype(float)
        panel[f"{function}_days"] = panel[f"{function}_count"] = days
        panel[f"{function}_days_per_week"] = days / 4
        panel[f"{function}_frequency"] = np.minimum(days, 5)
        panel[f"{function}_self_report"] = np.minimum(days, 4)
    watched = person < counted.watched
    panel["pdd_total"] = rng.normal(36, 9, len(panel)).round(1)
    panel["phq9_total"] = np.where(watched, 24.0, rng.integers(0, 10, len(panel)))
    panel["phq9_thoughts"] = pd.Series(watched.astype(float))
    panel["pdd_total_straightlined"] = panel["phq9_thoughts"]
    scores = ["pdd_total", "phq9_total", "phq9_thoughts", "pdd_total_straightlined"]
    panel.loc[~answered, scores] = np.nan
    return panel


def _estimates(counted: People, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        panels.estimate(
            exposure=exposure,
            component=component,
            estimate=rng.normal(),
            std_error=rng.uniform(0.1, 1),
            n_participants=counted.analysed,
            n_obs=2 * counted.analysed - 1,
            n_waves=2,
            df=counted.analysed - 1.0,
            p_adjusted=0.37,
            verdict="undecided",
            note=f"rows with missing values left out: {counted.watched}",
        )
        for exposure in ("reaction", "story")
        for component in ("within", "between")
    ]
    return pd.DataFrame(rows, columns=list(ESTIMATE_COLUMNS))


def _tests(counted: People) -> pd.DataFrame:
    note = f"F(2, {counted.analysed - 1}) for reaction, story"
    fit = ("functions", "pdd_total")
    rows = [
        (*fit, "within_equals_between", 1.23456, 2.0, 0.3, note),
        (*fit, "influence_sign", float(counted.watched), np.nan, np.nan, ""),
    ]
    return panels.frame_tests(rows)


def _reliability(counted: People) -> pd.DataFrame:
    n = max(counted.answered, 1)
    statistics = {
        "alpha": 0.8123456,
        "omega": 0.8234567,
        "floor": min(counted.watched, n) / n,
        "ceiling": 0.0,
    }
    rows = [
        {"score": "pdd_total", "round": 1, "wave": wave, "n": n}
        | {"statistic": statistic, "value": value}
        for wave in WAVES
        for statistic, value in statistics.items()
    ]
    return pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS))


def _manifest(counted: People) -> dict[str, Any]:
    rejected, refused, stored, duplicate, conflicting, responses = counted.events
    accepted = stored + duplicate + conflicting
    lock = {"hash": "b" * 16, "locked_at": "2028-08-08T09:00:00+00:00"}
    return {
        "study_version": "c" * 16,
        "plan": {
            "hash": "b" * 16,
            "locked": True,
            "locks": [{**lock, "responses": responses}],
        },
        "counts": {
            "received": accepted + rejected + refused,
            "accepted": accepted,
            "rejected": rejected,
            "refused": refused,
            "stored": stored,
            "duplicate": duplicate,
            "conflicting": conflicting,
        },
    }
