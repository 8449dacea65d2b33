"""The study file: what it may not say, and what it means."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from panelstream.models.errors import FileError
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_panel_study, load_study
from panelstream.models.study.study import Consent, Window, midnight

GOOD = """\
study: panel
title: A panel
timezone: Asia/Tokyo
consent: {required: [survey], telemetry_from: 2027-01-01}
waves:
  - {wave: 1, opens_on: 2027-01-11, closes_on: 2027-01-31}
  - {wave: 2, opens_on: 2027-04-12, closes_on: 2027-05-02}
instruments: [phq9, demographics]
exposure:
  window: between_waves
  functions: [story, cycle]
outages:
  - from: "2027-03-01T00:00+09:00"
    to: "2027-03-02T00:00+09:00"
    functions: [cycle]
    handling: missing
outcomes: [phq9_total]
covariates:
  fixed: [age]
  previous_wave: [phq9_total]
smallest_effect: {per: a day a week, phq9_total: 1.5}
plan:
  confirmatory:
    - specification: functions
      estimator: within_between
      outcomes: [phq9_total]
      exposures: [story]
  exploratory:
    - specification: alone
      estimator: fixed_effects
      outcomes: [phq9_total]
      exposures_each: [story, cycle]
      window: {lookback: 28}
"""


def load(folder: Path, text: str) -> StudyFolder:
    """A study folder with the text."""
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return load_study(folder)


def changed(old: str, new: str) -> str:
    """The good file with one place changed."""
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_a_good_study(tmp_path: Path) -> None:
    """What is left out has a default; what is short for something is spelled out."""
    loaded = load(tmp_path, GOOD)
    result = loaded.study
    assert result.title == {"en": "A panel"}
    assert result.consent == Consent(
        required=("survey",), telemetry_from=date(2027, 1, 1)
    )
    assert (result.catalogue, result.coverage, result.enrolment) == (
        "u2plus",
        "heartbeats",
        "roster",
    )
    assert result.windows == (
        Window(kind="between_waves"),
        Window(kind="lookback", days=28),
    )
    assert [window.name for window in result.windows] == [
        "between_waves",
        "lookback_28",
    ]
    assert (result.smallest("phq9_total"), result.smallest("pdd_total")) == (1.5, None)
    assert loaded.outcomes == ["phq9_total", "phq9_thoughts"]


def test_the_version_is_of_the_text(tmp_path: Path) -> None:
    """A study that was changed in any way has another version."""
    version = load(tmp_path, GOOD).version
    assert load(tmp_path, GOOD).version == version
    assert load(tmp_path, GOOD + "# a remark\n").version != version


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("consent:", "consnet:", 4, "unknown key 'consnet'; did you mean 'consent'?"),
        ("Asia/Tokyo", "Asia/Tokio", 3, "'Asia/Tokio' is not a time zone"),
        ("study: panel", "study: My panel", 1, "study"),
        ("between_waves", "between_wave", 10, "write between_waves"),
        ("{lookback: 28}", "{lookback: 0}", 33, "window"),
        ("{lookback: 28}", "{lookbak: 28}", 33, "write between_waves"),
        ("{lookback: 28}", "{lookback: 3661}", 33, "less than or equal to 3660"),
        ("m: 2027-01-01", "m: concent", 4, "write consent, retrospective, or a day"),
        ("m: 2027-01-01", "m: 2027-01-41", 4, "no day or time '2027-01-41'"),
        ("m: 2027-01-01", "m: '2027-01-41'", 4, "write consent, retrospective, or a"),
        (
            "closes_on: 2027-05-02",
            "closes_on: 2027-02-29",
            7,
            "no day or time '2027-02",
        ),
        ("opens_on: 2027-01-11", "opens_on: 1027-01-11", 6, "equal to 1980-01-01"),
        ("closes_on: 2027-05-02", "closes_on: 2137-05-02", 7, "equal to 2129-12-31"),
        ("[story, cycle]\noutages", "[story, story]\noutages", 11, "duplicate 'story'"),
        ("functions: [cycle]", "functions: []", 15, "at least 1 item"),
        ("[story, cycle]\noutages", "[]\noutages", 11, "functions"),
        ("missing", "mising", 16, "did you mean 'missing'?"),
        ("within_between", "within_betwen", 25, "did you mean 'within_between'?"),
        ('to: "2027-03-02', 'to: "2027-02-02', 13, "the outage ends before it begins"),
        ('+09:00"\n    to', '"\n    to', 13, "outages.0.from"),
        ("functions: [cycle]", "functions: [cycles]", 15, "did you mean 'cycle'?"),
        (
            "functions: [story, cycle]",
            "functions: [stroy]",
            11,
            "did you mean 'story'?",
        ),
        ("exposures: [story]", "exposures: [column]", 27, "known: story, cycle"),
        ("exposures: [story]", "measure: days", 24, "either exposures"),
        ("outcomes: [phq9_total]\ncov", "outcomes: [phq_total]\ncov", 17, "phq9_total"),
        ("previous_wave: [phq9_total]", "previous_wave: [pdd]", 20, "no score 'pdd'"),
        ("phq9_total: 1.5", "phq9_totl: 1.5", 21, "did you mean 'phq9_total'?"),
        ("[phq9, demo", "[phq9, demographics, demo", 8, "also one of demographics"),
        ("fixed: [age]", "fixed: [agee]", 19, "no item 'agee'; did you mean 'age'?"),
        (
            "specification: alone",
            "specification: functions",
            29,
            "duplicate specification 'functions'",
        ),
        ("specification: alone", "specification: A b", 29, "specification"),
        ("wave: 2", "wave: 1", 7, "number them upwards"),
        ("opens_on: 2027-04-12", "opens_on: 2027-01-31", 7, "before wave 1 closes"),
        ("closes_on: 2027-05-02", "closes_on: 2027-04-11", 7, "closes before it opens"),
        ("opens_on: 2027-04-12, ", "", 7, "give opens_on and closes_on"),
        (
            "opens_on: 2027-04-12, closes_on: 2027-05-02",
            "opens_after_days: 3, open_days: 4",
            7,
            "do not mix",
        ),
        ("study: panel", "study: panel\nstudy: other", 2, "duplicate key 'study'"),
        ("instruments: [phq9, demographics]\n", "", 1, "'instruments' is missing"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    """Each mistake is answered with file, line, and what would be right."""
    with pytest.raises(FileError) as caught:
        load(tmp_path, changed(old, new))
    assert says in str(caught.value)
    assert caught.value.exit_code == 3
    assert (caught.value.path.name, caught.value.place) == ("study.yaml", str(line))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[phq9, demo", "[phq, demo", "study.yaml:8: no 'phq'; did you mean 'phq9'?"),
        (
            "timezone:",
            "catalogue: u2pus\ntimezone:",
            "study.yaml:3: no 'u2pus'; did you mean 'u2plus'?",
        ),
        (
            "[phq9, demo",
            "[phq9.yaml, demo",
            "study.yaml:8: no 'phq9.yaml'; did you mean 'phq9'?",
        ),
    ],
)
def test_what_is_neither_shipped_nor_there(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    """A catalogue or an instrument that cannot be found is told with the nearest."""
    with pytest.raises(FileError) as caught:
        load(tmp_path, changed(old, new))
    assert says in str(caught.value)


OWN = """\
instrument: own
title: {en: Our own}
reference: none
licence: none
items:
  - {code: grade, low: 0, high: 5}
scales:
  - {code: score, items: [grade]}
"""


@pytest.mark.parametrize(
    ("old", "new", "fixed", "place", "says"),
    [
        ("grade", "story_days", "story_days", "19", "'story_days' is another column"),
        ("grade", "own_score_missing", "own_score_missing", "19", "rename the item"),
        ("grade", "cycle_count_previous", "cycle_count_previous", "19", "of the panel"),
        ("grade", "too_fast", "too_fast", "19", "rename the item"),
        ("grade", "grade", "grade, grade", "19", "duplicate 'grade'"),
        ("grade", "round", "age", "8", "'round' is also one of the panel's columns"),
        ("high: 5", "high: 5, function: stories", "age", "8", "did you mean 'story'?"),
        ("own\n", "story\n", "age", "8", "duplicate column 'story_days'"),
        ("own\n", "phq9\n", "age", "8", "duplicate column 'phq9_total'"),
    ],
)
def test_columns_of_the_panel_have_one_name_each(
    tmp_path: Path, old: str, new: str, fixed: str, place: str, says: str
) -> None:
    """An item, a score or a function of an own instrument that clashes is refused."""
    own = OWN.replace(old, new)
    scale = {"story\n": "days", "phq9\n": "total"}.get(new, "score")
    (tmp_path / "own.yaml").write_text(own.replace("code: score", f"code: {scale}"))
    text = changed("fixed: [age]", f"fixed: [{fixed}]")
    text = text.replace("demographics]", "demographics, own.yaml]")
    with pytest.raises(FileError) as caught:
        load(tmp_path, text)
    assert says in str(caught.value)
    assert (caught.value.path.name, caught.value.place) == ("study.yaml", place)


CLOCK = """\
  - source: u2plus.app
    from: "2027-03-01T00:00+09:00"
    until: "2027-03-02T00:00+09:00"
    shift: -9h
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'until: "2027-03-02',
            'until: "2027-03-01',
            "35: clock_corrections.0: 'until'",
        ),
        ('+09:00"\n    until', '"\n    until', "36: clock_corrections.0.from: "),
        ("2027-03-02T00:00+09:00", "2149-01-02T00:00Z", "before 1970 or after 2148"),
        ("shift: -9h", "shift: -25000d", "35: clock_corrections.0: shifted times lie"),
        ("shift: -9h", "shift: 9h", "38: clock_corrections.0.shift: write a sign and"),
        ("shift: -9h", "shift: +9", "38: clock_corrections.0.shift: write a sign and"),
        (
            "shift: -9h",
            "shift: +0h",
            "38: clock_corrections.0.shift: a shift of nothing",
        ),
        ("shift: -9h", "shift: +9999999999d", "a shift of nothing, or of centuries"),
        ("source: ", "sources: ", "35: unknown key 'sources'; did you mean 'source'?"),
        ("    shift: -9h\n", "", "clock_corrections.0.shift' is missing"),
        ("shift: -9h\n", "shift: -9h\n" + CLOCK, "39: 'u2plus.app' is corrected twice"),
    ],
)
def test_mistakes_of_clocks(tmp_path: Path, old: str, new: str, says: str) -> None:
    """Each is told in one line with its place and what to write."""
    text = GOOD + "clock_corrections:\n" + CLOCK
    assert load(tmp_path, text).catalogue.clocks.corrections[0].shift_text == "-9h"
    with pytest.raises(FileError) as caught:
        load(tmp_path, GOOD + "clock_corrections:\n" + CLOCK.replace(old, new))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_clocks_of_several_sources_and_times(tmp_path: Path) -> None:
    """Corrections may meet, and those of two sources may overlap."""
    later = CLOCK.replace("03-02", "03-03").replace("03-01", "03-02")
    web = CLOCK.replace(".app", ".web")
    text = GOOD + "clock_corrections:\n" + CLOCK + later + web
    assert len(load(tmp_path, text).study.clock_corrections) == 3


def test_rounds_follow_one_another(tmp_path: Path) -> None:
    """A wave of an earlier round cannot come after one of a later round."""
    text = changed("closes_on: 2027-01-31}", "closes_on: 2027-01-31, round: 2}")
    with pytest.raises(FileError, match=r"study\.yaml:7: rounds must follow"):
        load(tmp_path, text)


def test_rounds_of_waves_from_enrolment_may_overlap(tmp_path: Path) -> None:
    """Days from enrolment start again in each round."""
    text = changed("opens_on: 2027-01-11, closes_on: 2027-01-31", FROM_ENROLMENT)
    text = text.replace("opens_on: 2027-04-12, closes_on: 2027-05-02", FROM_ENROLMENT)
    with pytest.raises(FileError, match="opens before wave 1 closes"):
        load(tmp_path, text)
    loaded = load(tmp_path, text.replace("wave: 2,", "wave: 2, round: 2,"))
    assert [wave.round for wave in loaded.study.waves] == [1, 2]


FROM_ENROLMENT = "opens_after_days: 0, open_days: 7"


def test_no_study(tmp_path: Path) -> None:
    """A folder without a study file has another message than a wrong one."""
    with pytest.raises(FileError, match=r"study\.yaml: no such file"):
        load_study(tmp_path)


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        (date(2027, 1, 1), "Asia/Tokyo", datetime(2026, 12, 31, 15, tzinfo=UTC)),
        (date(2027, 3, 28), "Europe/Berlin", datetime(2027, 3, 27, 23, tzinfo=UTC)),
        (date(2027, 3, 29), "Europe/Berlin", datetime(2027, 3, 28, 22, tzinfo=UTC)),
        (date(2027, 3, 28), "Asia/Beirut", datetime(2027, 3, 27, 22, tzinfo=UTC)),
    ],
)
def test_days_begin_at_local_midnight(day: date, zone: str, begins: datetime) -> None:
    """Or, where the clock jumps over it, at the first instant of the day."""
    assert midnight(day, ZoneInfo(zone)) == begins


def test_participation_weights_need_a_frame(tmp_path: Path) -> None:
    """Use of people who never answered is looked at only where the file says so."""
    asks = changed(
        "      exposures_each: [story, cycle]\n",
        "      exposures_each: [story, cycle]\n      weights: participation\n",
    )
    with pytest.raises(FileError, match="write 'frame: enrolled' in the study") as told:
        load(tmp_path, asks)
    line = asks.splitlines().index("      weights: participation") + 1
    assert told.value.place == str(line)
    assert load(tmp_path, f"{asks}frame: enrolled\n").study.frame == "enrolled"


@pytest.mark.parametrize("estimator", ["gmm", "ri_clpm"])
def test_what_rests_on_too_much_is_never_confirmatory(
    tmp_path: Path, estimator: str
) -> None:
    """It is told with its line, and where to move it; elsewhere it may stand."""
    text = changed("estimator: within_between", f"estimator: {estimator}")
    said = rf"study\.yaml:25: {estimator} is never confirmatory; move it to exploratory"
    with pytest.raises(FileError, match=said):
        load(tmp_path, text)
    text = changed("estimator: fixed_effects", f"estimator: {estimator}")
    assert load(tmp_path, text).study.plan.exploratory[0].estimator == estimator


BESIDE = """\
  same_wave: [phq9_total]
smallest_effect:"""


def test_a_covariate_of_the_same_wave_is_never_confirmatory(tmp_path: Path) -> None:
    """It may follow from use as the outcome does; exploration may have it."""
    text = changed("smallest_effect:", BESIDE)
    confirmatory = text.replace(
        "      exposures: [story]",
        "      exposures: [story]\n      covariates: [same_wave]",
    )
    with pytest.raises(FileError, match=r"study\.yaml:29: .*use previous_wave"):
        load(tmp_path, confirmatory)
    exploratory = f"{text}      covariates: [same_wave]\n"
    planned = load(tmp_path, exploratory).study.plan.exploratory[0]
    assert planned.covariates == ("same_wave",)


def test_a_part_of_an_outcome_is_not_its_covariate(tmp_path: Path) -> None:
    """An item that the score is made of, where the specification takes it."""
    text = changed("fixed: [age]", "fixed: [age, phq9_3]")
    assert load(tmp_path, text).study.covariates.fixed == ("age", "phq9_3")
    with pytest.raises(FileError, match=r"study\.yaml:19: 'phq9_3' is of the outcome"):
        load(tmp_path, f"{text}      covariates: [fixed]\n")


PANEL = """\
study: wages
title: Wages
covariates: {fixed: [educ], same_wave: [married]}
smallest_effect: {lwage: 0.05}
plan:
  exploratory:
    - specification: union
      estimator: fixed_effects
      outcomes: [lwage]
      exposures: [union]
      covariates: [fixed, same_wave]
"""


def test_a_study_of_a_panel_from_elsewhere(tmp_path: Path) -> None:
    """Few keys; what it names are columns, of which nothing else is known."""
    (tmp_path / "study.yaml").write_text(PANEL, encoding="utf-8")
    result = load_panel_study(tmp_path).value
    assert result.own_window is None
    assert result.plan.exploratory[0].measure == "as_is"
    assert result.smallest("lwage") == 0.05


def test_smallest_effects_may_be_given_for_each_scale(tmp_path: Path) -> None:
    """A scale that has none gets none from another."""
    sizes = "phq9_total: {days_per_week: 1.5, any(days_per_week): 2}"
    study = load(tmp_path, changed("phq9_total: 1.5", sizes)).study
    assert study.smallest("phq9_total") == 1.5
    assert study.smallest("phq9_total", "days_per_week", "any") == 2
    assert study.smallest("phq9_total", "count") is None


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("phq9_total: 0", "phq9_total needs a number above 0, not 0"),
        ("phq9_total: -1.5", "above 0, not -1.5"),
        ("phq9_total: .inf", "above 0, not inf"),
        ("phq9_total: much", "above 0, not much"),
        ("phq9_total: {log(days): 1}", "no scale of use 'log(days)'"),
        ("phq9_total: {days_per_wek: 1}", "no scale of use 'days_per_wek'"),
    ],
)
def test_a_wrong_smallest_effect_is_refused(
    tmp_path: Path, given: str, problem: str
) -> None:
    """With its place: a scale that nothing has would never apply."""
    with pytest.raises(FileError, match="smallest_effect") as error:
        load(tmp_path, changed("phq9_total: 1.5", given))
    assert problem in str(error.value)


@pytest.mark.parametrize("estimator", ["gmm", "ri_clpm"])
def test_errors_are_for_estimators_that_correct_them(
    tmp_path: Path, estimator: str
) -> None:
    """Where they would be without effect, they are refused."""
    text = changed(
        "      estimator: fixed_effects\n",
        f"      estimator: {estimator}\n      errors: cr1\n",
    )
    with pytest.raises(FileError, match="errors of its own; remove errors"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("title:", "timezone: Asia/Tokyo\ntitle:", 2, "unknown key 'timezone'"),
        ("exposures:", "measure: count\n      exposures:", 10, "taken as they are"),
        ("exposures:", "window: between_waves\n      exposures:", 10, "remove it"),
        ("[educ]", "[educ, lwage]", 3, "'lwage' is of the outcome lwage"),
        ("  exploratory:", "  confirmatory:", 11, "use previous_wave"),
        (
            "[fixed, same_wave]",
            "[baseline]",
            11,
            "take it away; use pooled, between, random_effects, within_between, gee, "
            "random_slopes",
        ),
        ("[fixed, same_wave]", "[previous_outcome]", 11, "Nickell 1981.; use pooled$"),
        (
            "plan:",
            "plan:\n  sensitivity: [lead, weighted]",
            6,
            "correct no dropout; write weighted_first_difference or imputed",
        ),
    ],
)
def test_mistakes_in_a_study_of_a_panel(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    """One line each: file, line, remedy."""
    assert PANEL.count(old) == 1
    (tmp_path / "study.yaml").write_text(PANEL.replace(old, new), encoding="utf-8")
    with pytest.raises(FileError, match=rf"study\.yaml:{line}: .*{says}"):
        load_panel_study(tmp_path)
