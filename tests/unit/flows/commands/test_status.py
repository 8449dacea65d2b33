"""What `status` shows: 80 columns, dates, freshness, and the imports at the end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from panelstream.analysis.panel.participation import Participation
from panelstream.flows import survey_imports
from panelstream.flows.commands.status import show_status
from panelstream.flows.status import Status, WaveDates, read_status
from panelstream.flows.workspace import Workspace
from panelstream.models.study.coverage_summary import CoverageSummary
from tests.lib import studies
from tests.lib.studies import HandClock


def status_of(number: int) -> Status:
    """A study with so many waves and two imports."""
    counts = dict.fromkeys(
        ("eligible", "invited", "consented", "started", "complete", "partial"), 1234
    )
    counts |= dict.fromkeys(
        ("unusable", "early", "late", "duplicates", "not_counted"), 0
    )
    record = {
        "origin": "wave1.csv",
        "name": "intake",
        "wave": 0,
        "selection": 1,
        "responses": 2,
        "retracted": 0,
    }
    record |= {"added": 2, "changed": 0, "moved": 0, "refused": 0, "set_apart": 1}
    record |= {"unchanged": 0, "gone": 3}
    return Status(
        study="s",
        waves=[
            Participation(wave, **counts, response_rate=0.5, attrition=None)
            for wave in range(1, number + 1)
        ],
        dates=[
            WaveDates(
                wave,
                date(2027, 1, wave),
                date(2027, 2, wave),
                20 if wave == 1 else None,
            )
            for wave in range(1, number + 1)
        ],
        not_asked={1: ("phq9_7", "phq9_8", "phq9_9")},
        set_apart={1: 1},
        enrolled=1234,
        agreed=1200,
        declined=3,
        scopes={"survey": 1200},
        versions={1: 1200},
        withdrawn={"contact": 0},
        accounts={},
        not_enrolled={},
        without_event=0,
        events_not_enrolled=0,
        nearly_enrolled=0,
        events_before_opening=0,
        coverage=CoverageSummary(9, 0, (), 0, 0, 0, 0, {}, (), ()),
        imports=[
            {"import_id": "20270202", **record},
            {"import_id": "20270101", **record},
        ],
        newest_event=datetime(2027, 2, 1, 12, 30, tzinfo=UTC),
        covered_until={
            "column": datetime(2027, 2, 1, 12, tzinfo=UTC),
            "story": datetime(2027, 1, 1, 12, tzinfo=UTC),
        },
    )


def lines_of(status: Status, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is shown, line by line."""
    show_status(status, as_json=False)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_waves_fit_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Seven waves are two tables, with the dates and the days left of each wave."""
    lines = lines_of(status_of(7), capsys)
    assert max(map(len, lines[: lines.index("imports:")])) <= 80
    assert sum(line.startswith("opens") for line in lines) == 2
    [first, *_] = [line.split() for line in lines if line.startswith("days left")]
    assert first == ["days", "left", "20", "-", "-", "-", "-"]


def test_what_a_study_lacks_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Items not asked, cells set apart, and where the log of events ends."""
    lines = lines_of(status_of(1), capsys)
    assert "not asked in wave 1: phq9_7 to phq9_9" in lines
    assert "enrolled 1,234, of whom 1,200 agree today, 3 declined a scope" in lines
    assert "newest event: 2027-02-01 12:30 UTC" in lines
    assert [line for line in lines if line.startswith("log complete")] == [
        "log complete until 2027-01-01 12:00 UTC: story",
        "log complete until 2027-02-01 12:00 UTC: column",
    ]


def test_ids_that_are_nearly_enrolled(capsys: pytest.CaptureFixture[str]) -> None:
    """The remedy is named beside the number."""
    status = replace(status_of(1), events_not_enrolled=3, nearly_enrolled=2)
    [line] = [line for line in lines_of(status, capsys) if "enrolled id" in line]
    assert line.startswith("2 of them have an id that differs only by case, blanks,")
    assert line.endswith("or join both with 'panelstream people merge'")


def test_ids_of_events_are_compared_with_enrolled_ones(
    workspace: Callable[..., Workspace],
) -> None:
    """Case, hyphens and zeros: two of four strangers are nearly one of two enrolled.

    Blanks around an id, full width and the soft hyphen are no difference at all.
    """
    study = workspace()
    at = datetime(2027, 1, 5, 3, tzinfo=UTC)
    enrolled = ("ann-1", "ben")
    acts = ("Ann-01", "BEN", "carl", "ben-2", " ben ", "be\u00adn", "ｂｅｎ")
    studies.send(study, [studies.event("enrolled", who, at) for who in enrolled])
    studies.send(study, [studies.event("signed_in", who, at) for who in acts])
    status = read_status(study)
    assert (status.events_not_enrolled, status.nearly_enrolled) == (4, 2)
    assert status.without_event == 1


def test_imports_end_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts read the id of the oldest import from the last line.

    The wave is the one that was selected, where the file tells the wave of each row.
    """
    lines = lines_of(status_of(1), capsys)
    at = lines.index("imports:")
    assert [line.split()[0] for line in lines[at + 1 :]] == ["20270202", "20270101"]
    assert lines[-1].endswith(
        "source intake  wave 1  2 responses: 2 new, 3 gone, 1 set apart"
    )


def test_cells_of_a_replaced_reading_are_not_set_apart_any_more(
    workspace: Callable[..., Workspace], clock: HandClock, tmp_path: Path
) -> None:
    """A corrected export of another name replaces what was set apart in the first."""
    study = workspace()
    counts = []
    for name, cell in (("wave1", "no answer"), ("wave1_corrected", "3")):
        clock.now += timedelta(hours=1)
        path = tmp_path / f"{name}.csv"
        path.write_text(
            f"platform_id,submitted_at,calm,awake\naki,2027-01-12 12:00,{cell},4\n"
        )
        survey_imports.import_responses(study, path, 1)
        counts.append(read_status(study).set_apart)
    assert counts == [{1: 1}, {1: 0}]


def test_what_files_of_all_waves_set_apart_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is of no single wave, and has a line of its own."""
    lines = lines_of(replace(status_of(1), set_apart={0: 4}), capsys)
    assert "set apart in files of all waves: 4" in lines
