"""Any responses: every format says the same, however its files are cut and sent.

The writers below know only how a service writes; what comes back must be what the
responses were made of.
"""

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows import imports
from flows.workspace import Workspace
from ingest import exports
from ingest.importers import mapping as mappings
from models import instruments
from models import store as stores
from models.store import Store
from tests.lib import studies
from tests.lib.studies import HandClock

EXAMPLES = int(os.environ.get("PANELSTREAM_EXAMPLES", "25"))
SUITE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NAMES = ("phq9", "pdd")
INSTRUMENTS = [instruments.find(name, Path()).value for name in NAMES]
ITEMS = exports.items_of(INSTRUMENTS)
CODES = ("phq9_1", "phq9_2", "pdd_1")
DAYS = {
    "": "",
    "0": "全くない",
    "1": "Several days",
    "2": "半分以上",
    "3": "Nearly every day",
}
FIRST = datetime(2026, 3, 28, 20, tzinfo=UTC)
"""An evening before clocks go forward."""


@dataclass(frozen=True)
class Response:
    """Who answered what, and when; an empty answer was skipped."""

    person: str
    at: datetime
    answers: Mapping[str, str]

    @property
    def id(self) -> str:
        """What a tool that gives ids would call it."""
        return f"R_{self.person}{self.at:%Y%m%d%H%M%S}"


one_answer = st.fixed_dictionaries(
    {
        "phq9_1": st.sampled_from(["", "0", "1", "2", "3"]),
        "phq9_2": st.sampled_from(["", "0", "1", "2", "3"]),
        "pdd_1": st.sampled_from(["", "0", "3", "5"]),
    }
)
several = st.lists(
    st.builds(
        Response,
        st.sampled_from(["aki", "ben", "千絵"]),
        st.integers(0, 30).map(lambda n: FIRST + timedelta(minutes=29 * n, seconds=n)),
        one_answer,
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: (one.person, one.at),
)

Table = list[list[str]]


def local(at: datetime) -> datetime:
    """The time in Tokyo, nine hours ahead."""
    return at.replace(tzinfo=None) + timedelta(hours=9)


def from_1(answer: str) -> str:
    """The same answer on a scale that begins at 1."""
    return str(int(answer) + 1) if answer else ""


def form(said: Sequence[Response]) -> Table:
    """As a form in Japanese: labels, and half days."""
    rows = [["タイムスタンプ", "メールアドレス", "ID", "Q [興味]", "Q [気分]", "友人"]]
    for one in said:
        at = local(one.at)
        half = "午前" if at.hour < 12 else "午後"
        stamp = f"{at:%Y/%m/%d} {at.hour % 12 or 12}:{at:%M:%S} {half} GMT+9"
        phq = [DAYS[one.answers[code]] for code in CODES[:2]]
        pdd = from_1(one.answers["pdd_1"])
        rows.append([stamp, "x@example.org", one.person, *phq, pdd])
    return rows


def qualtrics(said: Sequence[Response]) -> Table:
    """As Qualtrics: three header rows, a preview among the rest."""
    head = [
        "EndDate",
        "Status",
        "Finished",
        "ResponseId",
        "platform_id",
        "Q1",
        "Q2",
        "Q3",
    ]
    ids = [
        "endDate",
        "status",
        "finished",
        "_recordId",
        "platform_id",
        "QA",
        "QB",
        "QC",
    ]
    rows = [
        head,
        [f"{one}?" for one in head],
        [f'{{"ImportId":"{one}"}}' for one in ids],
    ]
    for number, one in enumerate(said):
        cells = [
            one.answers["phq9_1"],
            one.answers["phq9_2"],
            from_1(one.answers["pdd_1"]),
        ]
        row = [str(local(one.at)), "0", "1", one.id, one.person, *cells]
        rows.append(row)
        if number == 0:
            rows.append([row[0], "1", "1", "R_preview", *row[4:]])
    return rows


def redcap(said: Sequence[Response]) -> Table:
    """As REDCap: two forms, a record a response, an enrolment of its own."""
    head = "record_id,redcap_event_name,platform_id,start_complete,m_timestamp,phq9_1,phq9_2,m_complete,s_timestamp,pdd_1,s_complete"
    rows = [head.split(",")]
    for one in said:
        at, answers = str(local(one.at)), one.answers
        rows.append([one.id, "start_arm_1", one.person, "2", *[""] * 7])
        forms = [
            at,
            answers["phq9_1"],
            answers["phq9_2"],
            "2",
            at,
            from_1(answers["pdd_1"]),
            "2",
        ]
        rows.append([one.id, "w_arm_1", "", "", *forms])
    return rows


def wide(said: Sequence[Response]) -> Table:
    """A row a response."""
    rows = [["platform_id", "submitted_at", *CODES]]
    for one in said:
        cells = [
            one.answers["phq9_1"],
            one.answers["phq9_2"],
            from_1(one.answers["pdd_1"]),
        ]
        rows.append([one.person, one.at.isoformat(), *cells])
    return rows


def long(said: Sequence[Response]) -> Table:
    """A row an answer."""
    rows = [["item", "answer", "platform_id", "submitted_at"]]
    for one in said:
        for code, answer in one.answers.items():
            cell = from_1(answer) if code == "pdd_1" else answer
            rows.append([code, cell, one.person, str(local(one.at))])
    return rows


CODING = "coding: {pdd: 1-6}\n"
FORMATS: Mapping[str, tuple[Callable[[Sequence[Response]], Table], int, str]] = {
    "form": (
        form,
        1,
        "person: ID\ncolumns: {'Q [興味]': phq9_1, 'Q [気分]': phq9_2, 友人: pdd_1}",
    ),
    "qualtrics": (
        qualtrics,
        3,
        "timezone: Asia/Tokyo\ncolumns: {QA: phq9_1, QB: phq9_2, QC: pdd_1}",
    ),
    "redcap": (redcap, 1, "events: {start_arm_1: , w_arm_1: 1}"),
    "wide": (wide, 1, ""),
    "long": (long, 1, ""),
}
"""Writer, number of header rows, and mapping of each."""


def write(path: Path, rows: Table, encoding: str) -> Path:
    """A file of that name: a workbook, or CSV in an encoding."""
    if encoding == "xlsx":
        path = path.with_suffix(".xlsx")
        book = openpyxl.Workbook()
        assert book.active is not None
        for row in rows:
            book.active.append(row)
        book.save(path)
        return path
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def said_of(said: Sequence[Response]) -> set[tuple[str, str, str, str]]:
    """Person, time, item and answer of every response."""
    return {
        (one.person, one.at.isoformat(), code, answer)
        for one in said
        for code, answer in one.answers.items()
    }


encodings = st.sampled_from(["utf-8", "utf-8-sig", "cp932", "utf-16", "xlsx"])


@settings(SUITE, max_examples=4 * EXAMPLES)
@given(data=st.data(), said=several, name=st.sampled_from(list(FORMATS)))
def test_every_format_says_the_same(
    data: st.DataObject, said: list[Response], name: str, tmp_path: Path
) -> None:
    """In any format, encoding and order of rows the responses come back as they were."""
    writer, heads, text = FORMATS[name]
    rows = writer(said)
    body = data.draw(st.permutations(rows[heads:]))
    path = write(tmp_path / "wave1.csv", [*rows[:heads], *body], data.draw(encodings))
    (tmp_path / "m.yaml").write_text(CODING + text, encoding="utf-8")
    mapping = mappings.read(tmp_path / "m.yaml", INSTRUMENTS)
    read = exports.read(path, 1, ITEMS, mapping, ZoneInfo(studies.BASE["timezone"]))
    assert read.set_apart == ()
    found = [
        (row.person, row.responded_at.astimezone(UTC).isoformat(), code, answer)
        for row in read.rows
        for code, answer in row.answers.items()
    ]
    assert len(found) == len(set(found)) == len(CODES) * len(said)
    assert set(found) == said_of(said)


@pytest.fixture
def make(tmp_path: Path, store: Store, clock: HandClock) -> Callable[[], Workspace]:
    """A workspace without a row, of a study that asks what the responses answer."""

    def made() -> Workspace:
        clock.now = studies.START
        studies.empty(store)
        content = studies.with_base(instruments=["mood.yaml", *NAMES])
        return studies.open_in(studies.write(tmp_path / "study", content), store, clock)

    return made


@settings(SUITE, max_examples=max(1, EXAMPLES // 3))
@given(
    data=st.data(),
    said=several,
    name=st.sampled_from(["form", "qualtrics", "redcap", "wide"]),
)
def test_order_splitting_and_repetition_do_not_matter(
    data: st.DataObject,
    said: list[Response],
    name: str,
    make: Callable[[], Workspace],
    tmp_path: Path,
    clock: HandClock,
    warehouse: str,
) -> None:
    """Files that overlap, in any order and more than once, store what there is once."""
    workspace = make()
    writer, _, text = FORMATS[name]
    (tmp_path / "m.yaml").write_text(CODING + text, encoding="utf-8")
    part = st.lists(st.sampled_from(said), min_size=1, unique_by=lambda one: one.id)
    parts = data.draw(st.lists(part, max_size=3))
    added = 0
    for number, sent in enumerate([*parts, said, *parts]):
        clock.now = studies.recorded_at(number)
        path = write(tmp_path / "wave1.csv", writer(sent), "utf-8")
        done = imports.import_responses(workspace, path, 1, tmp_path / "m.yaml")
        assert done.imported.set_apart == ()
        added += done.revision.responses["added"]
        assert done.revision.responses["changed"] == 0
    people = {workspace.pseudonyms.of(one.person).hex(): one.person for one in said}
    with closing(stores.connect(warehouse)) as reader:
        stored = reader.select("SELECT * FROM answers").to_pylist()
    found = [
        (
            people[row["participant_id"]],
            row["responded_at"].isoformat(),
            row["item"],
            row["answer"],
        )
        for row in stored
    ]
    assert sorted(found) == sorted(said_of(said))
    # In REDCap each of the two forms is a response of its own.
    assert added == len(said) * (2 if name == "redcap" else 1)
