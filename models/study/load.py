"""Reading a study folder: the study file with all it names, checked as a whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from panelstream.models import config_file
from panelstream.models.config_file import Document, Location, NotFound
from panelstream.models.events import catalogue as catalogues
from panelstream.models.events.catalogue import Questionnaires
from panelstream.models.events.clocks import Clocks
from panelstream.models.instruments.instrument import Instrument, find_instrument
from panelstream.models.study.checks import check_panel_study, check_study
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.measures import AS_IS
from panelstream.models.study.study import PanelStudy, Study

STUDY_FILE = "study.yaml"
STUDY, CATALOGUE, INSTRUMENT = "study", "catalogue", "instrument"
"""Kinds of the texts that a study is read from."""

Texts = Mapping[tuple[str, str], str]
"""By kind and name."""

_NO_TEXTS: Texts = {}


def load_study(folder: Path, texts: Texts = _NO_TEXTS) -> StudyFolder:
    """Read `folder`/study.yaml with all it names, and check it as a whole.

    `texts`: what an earlier version of it was read from, in place of the files. Raises
    `FileError` (file, line, remedy) for the first thing that is wrong.
    """
    text = texts.get((STUDY, STUDY_FILE))
    document = config_file.read_config(folder / STUDY_FILE, Study, text)
    study = document.value
    with _named(document, ["catalogue"]):
        text = texts.get((CATALOGUE, study.catalogue))
        named = catalogues.read_catalogue(study.catalogue, folder, text)
    documents = tuple(_instruments(document, folder, texts))
    catalogue, instruments = named.value, tuple(entry.value for entry in documents)
    waves = tuple(wave.wave for wave in study.waves)
    by_name = {instrument.instrument: instrument for instrument in instruments}
    catalogue = catalogue.in_study(
        Questionnaires(waves, by_name), Clocks(study.clock_corrections)
    )
    used = {
        (STUDY, STUDY_FILE): document.text,
        (CATALOGUE, study.catalogue): named.text,
        **{
            (INSTRUMENT, name): entry.text
            for name, entry in zip(study.instruments, documents, strict=True)
        },
    }
    loaded = StudyFolder(folder, study, catalogue, instruments, document.text, used)
    check_study(document, loaded)
    return loaded


def load_panel_study(folder: Path) -> Document[PanelStudy]:
    """Read `folder`/study.yaml as that of a panel from elsewhere.

    Raises `FileError` (file, line, remedy) for the first thing that is wrong.
    """
    document = config_file.read_config(folder / STUDY_FILE, PanelStudy)
    check_panel_study(document)
    return replace(document, value=_as_is(document.value))


def _as_is(study: PanelStudy) -> PanelStudy:
    """The study with no other measure of a column than the column."""
    plan = study.plan
    parts = {
        part: tuple(
            specification.model_copy(update={"measure": AS_IS})
            for specification in getattr(plan, part)
        )
        for part in ("confirmatory", "exploratory")
    }
    return study.model_copy(update={"plan": plan.model_copy(update=parts)})


def _instruments(
    document: Document[Study], folder: Path, texts: Texts
) -> Iterator[Document[Instrument]]:
    for index, name in enumerate(document.value.instruments):
        with _named(document, ["instruments", index]):
            yield find_instrument(name, folder, texts.get((INSTRUMENT, name)))


@contextmanager
def _named(document: Document[Study], location: Location) -> Iterator[None]:
    """A file that is not there is a mistake at the place that names it."""
    try:
        yield
    except NotFound as missing:
        raise document.error(location, missing.problem) from None
