"""Waves of one file: which rows are of which wave, and what stops or is asked."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from panelstream.ingest.surveys import read_export
from panelstream.ingest.surveys.mapping import read_mapping
from panelstream.ingest.surveys.read_export import SurveyExport
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import find_instrument
from panelstream.models.study.study import Wave

CANARY = "canary7f3a"
INSTRUMENTS = [find_instrument(name, Path()).value for name in ("phq9", "pdd")]
ITEMS = read_export.items_by_column(INSTRUMENTS)
TOKYO = ZoneInfo("Asia/Tokyo")
WAVES = (
    Wave(wave=1, opens_on=date(2026, 3, 1), closes_on=date(2026, 3, 14)),
    Wave(wave=2, opens_on=date(2026, 6, 1), closes_on=date(2026, 6, 14)),
)
FROM_ENROLMENT = (
    Wave(wave=1, opens_after_days=0, open_days=7),
    Wave(wave=2, opens_after_days=90, open_days=7),
)
HEAD = "platform_id,submitted_at,survey,phq9_1"
FORM = f"""{HEAD}
a,2026-03-02 10:00,First,0
b,2026-03-03 10:00,first ,1
a,2026-06-02 10:00,ＳＥＣＯＮＤ,2
c,2026-02-01 10:00,Pilot,3
"""
BY_COLUMN = "waves: {column: survey, values: {First: 1, Second: 2, Pilot: }}"
REPEATED = """record_id,redcap_repeat_instrument,redcap_repeat_instance,platform_id,phq9_timestamp,phq9_1,phq9_complete
1,,,a,,,
1,phq9,1,,2026-03-02 10:00,0,2
1,phq9,2,,2026-06-02 10:00,1,2
"""


def read(
    folder: Path,
    content: str,
    mapping: str = "",
    wave: int | None = None,
    waves: tuple[Wave, ...] = WAVES,
) -> SurveyExport:
    """Read the rows of a wave, or of all, of a file with this text."""
    path = folder / "export.csv"
    path.write_text(content, encoding="utf-8")
    (folder / "mapping.yaml").write_text(mapping or "{}", encoding="utf-8")
    rule = read_mapping(folder / "mapping.yaml", INSTRUMENTS)
    return read_export.read_survey_export(
        path, wave, ITEMS, rule, TOKYO, False, tuple(waves)
    )


def rows_by_wave(survey: SurveyExport) -> list[tuple[int, int | None]]:
    """Each row of the file that counts, and its wave."""
    return [(row.number, row.wave) for row in survey.rows]


def test_column_says_the_wave(tmp_path: Path) -> None:
    """Values are compared without case, width and blanks; one without a wave is left out."""
    survey = read(tmp_path, FORM, BY_COLUMN)
    assert rows_by_wave(survey) == [(2, 1), (3, 1), (4, 2)]
    assert survey.summary.waves == {1: 2, 2: 1}
    assert survey.summary.excluded == {"of no wave": 1}


def test_named_wave_selects_its_rows(tmp_path: Path) -> None:
    """With a rule, --wave takes the rows of that wave and counts the others."""
    survey = read(tmp_path, FORM, BY_COLUMN, 2)
    assert rows_by_wave(survey) == [(4, 2)]
    assert survey.summary.excluded == {"of another wave": 2, "of no wave": 1}


def test_without_a_rule_all_rows_are_of_the_named_wave(tmp_path: Path) -> None:
    """As before: the import names the wave; without that nobody knows it."""
    content = f"{HEAD.replace(',survey', '')}\na,2026-03-02 10:00,0\n"
    assert rows_by_wave(read(tmp_path, content, "", 1)) == [(2, 1)]
    with pytest.raises(FileError, match=r"which wave.*--wave, or say with waves"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("day", "wave"),
    [
        ("2026-02-01", 1),
        ("2026-03-01", 1),
        ("2026-03-14", 1),
        ("2026-05-31", 1),
        ("2026-06-01", 2),
        ("2027-01-01", 2),
    ],
)
def test_day_says_the_wave(tmp_path: Path, day: str, wave: int) -> None:
    """The wave that is open that day in the study's zone; late answers are of the last."""
    content = f"platform_id,submitted_at,phq9_1\na,{day} 00:00,1\n"
    assert rows_by_wave(read(tmp_path, content, "waves: day")) == [(2, wave)]


def test_day_is_the_day_of_the_study(tmp_path: Path) -> None:
    """An answer of 31 May 16:00 UTC is one of 1 June in Tokyo."""
    content = "platform_id,submitted_at,phq9_1\na,2026-05-31T16:00:00Z,1\n"
    assert rows_by_wave(read(tmp_path, content, "waves: day")) == [(2, 2)]


def test_repetitions_are_waves_without_a_declaration(tmp_path: Path) -> None:
    """Instance N of a repeating form is wave N, and a question says so."""
    survey = read(tmp_path, REPEATED)
    assert rows_by_wave(survey) == [(3, 1), (4, 2)]
    [question] = survey.summary.questions
    assert question.place == "redcap_repeat_instance"
    assert "waves: instance" in question.remedy


@pytest.mark.parametrize("rule", ["waves: instance", "waves: {instance: {1: 1, 2: 2}}"])
def test_declared_repetitions_are_no_question(tmp_path: Path, rule: str) -> None:
    """What the mapping says needs no confirmation."""
    survey = read(tmp_path, REPEATED, rule)
    assert rows_by_wave(survey) == [(3, 1), (4, 2)]
    assert survey.summary.questions == ()


def test_repeating_event_says_the_wave_too(tmp_path: Path) -> None:
    """Where a whole event repeats, the column of the instrument is blank."""
    content = REPEATED.replace("1,phq9,", "1,,")
    assert rows_by_wave(read(tmp_path, content)) == [(3, 1), (4, 2)]


def test_repetitions_of_forms_without_items_do_not_count(tmp_path: Path) -> None:
    """The 41st diary page is no wave, and needs none."""
    content = REPEATED.replace(",phq9_complete", ",phq9_complete,note,diary_complete")
    content = content.replace("1,2\n", "1,2,,\n").replace("0,2\n", "0,2,,\n")
    content = content.replace("a,,,\n", "a,,,,,\n") + "1,diary,41,,,,,x,2\n"
    assert rows_by_wave(read(tmp_path, content, "ignore: [note]")) == [(3, 1), (4, 2)]


def test_rows_of_another_waves_days_are_asked_about(tmp_path: Path) -> None:
    """Answers of another wave's people under one --wave: the days contradict it."""
    people = ("a,2026-03-02", "b,2026-03-03", "c,2026-06-02")
    rows = "".join(f"{person} 10:00,x,1\n" for person in people)
    content = f"{HEAD}\n{rows}"
    survey = read(tmp_path, content, "ignore: [survey]", 1)
    [question] = survey.summary.questions
    assert question.problem == "1 responses of wave 1 were sent while wave 2 was open"
    assert "waves: day" in question.remedy


def test_column_that_the_file_lacks_is_asked_about(tmp_path: Path) -> None:
    """Files of a folder share a mapping; the named wave holds for one without the column."""
    content = f"{HEAD.replace(',survey', '')}\na,2026-03-02 10:00,0\n"
    survey = read(tmp_path, content, BY_COLUMN, 1)
    assert rows_by_wave(survey) == [(2, 1)]
    assert [question.place for question in survey.summary.questions] == ["mapping"]


STOPS = {
    "a value without a wave": (
        FORM + f"d,2026-03-02 10:00,{CANARY},1\n",
        BY_COLUMN,
        WAVES,
        "row 6: its 'survey' is not among the values",
    ),
    "an instance beyond the waves": (
        REPEATED + "1,phq9,3,,2026-06-03 10:00,1,2\n",
        "",
        WAVES,
        "row 5, column 3: its instance is no wave",
    ),
    "days that count from enrolment": (
        f"{HEAD.replace(',survey', '')}\n",
        "waves: day",
        FROM_ENROLMENT,
        "mapping: waves: day needs waves with opens_on",
    ),
    "waves that overlap": (
        f"{HEAD.replace(',survey', '')}\n",
        "waves: day",
        (*WAVES, Wave(wave=3, opens_on=date(2026, 6, 14), closes_on=date(2026, 7, 1))),
        "waves 2 and 3 are open on the same days",
    ),
    "a wave that the study lacks": (
        FORM,
        "waves: {column: survey, values: {First: 1, Second: 3, Pilot: }}",
        WAVES,
        "mapping: waves: the study has no wave 3",
    ),
    "two kinds": (
        FORM,
        "waves: {column: survey, values: {First: 1}, day: true}",
        WAVES,
        "1: .*write which rows",
    ),
    "a word that is no rule": (FORM, "waves: month", WAVES, "1: .*write which rows"),
    "a column without values": (FORM, "waves: {column: survey}", WAVES, "write which"),
    "waves and events": (
        FORM,
        "waves: day\nevents: {a: 1}",
        WAVES,
        "give waves or events, not both",
    ),
    "values that differ by case": (
        FORM,
        "waves: {column: survey, values: {First: 1, first: 2}}",
        WAVES,
        "differ only by case",
    ),
}


@pytest.mark.parametrize("what", STOPS)
def test_what_the_rule_lacks_stops(tmp_path: Path, what: str) -> None:
    """With the row and the remedy, never with the value."""
    content, mapping, waves, message = STOPS[what]
    with pytest.raises(FileError, match=message) as caught:
        read(tmp_path, content, mapping, None, waves)
    assert CANARY not in str(caught.value)


BOTH = """platform_id,submitted_at,phq9_1
a,2026-03-02 10:00,0
b,2026-03-03 10:00,1
a,2026-06-02 10:00,2
b,2026-06-03 10:00,3
"""


@pytest.mark.parametrize(("wave", "answers"), [(1, ["0", "1"]), (2, ["2", "3"])])
def test_people_who_answer_in_several_waves_are_read_by_the_day(
    tmp_path: Path, wave: int, answers: list[str]
) -> None:
    """Without a rule too: one form served two waves, and the other one is left out."""
    survey = read(tmp_path, BOTH, wave=wave)
    assert [row.answers["phq9_1"] for row in survey.rows] == answers
    assert survey.tells_waves
    assert survey.summary.excluded == {"of another wave": 2}
    assert any("waves: day" in entry.remedy for entry in survey.summary.questions)


def test_one_person_who_answers_late_again_is_no_rule(tmp_path: Path) -> None:
    """Of three people one sends the form of the first wave again while the second is open."""
    text = BOTH.replace("b,2026-06-03 10:00,3\n", "c,2026-03-04 10:00,3\n")
    survey = read(tmp_path, text, wave=1)
    assert len(survey.rows) == 4
    assert not survey.tells_waves
