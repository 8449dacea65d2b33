"""Instruments for people who map an export: which items, labels and answers there are."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from panelstream.ingest.surveys.mapping import coding_text
from panelstream.models import config_file
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import (
    Instrument,
    Item,
    Scale,
    Text,
    shipped_instruments,
)
from panelstream.models.study.load import STUDY_FILE, load_study

LANGUAGES = ("en", "ja")


def list_instruments(folder: Path | None) -> Sequence[Instrument]:
    """The instruments of the study in `folder`; without a folder all that are shipped."""
    return shipped_instruments() if folder is None else load_study(folder).instruments


def find_study_folder(folder: Path, is_named: bool) -> Path | None:
    """The folder of the study; None where nobody named one and there is none here."""
    return folder if is_named or (folder / STUDY_FILE).exists() else None


def select_instrument(
    instruments: Sequence[Instrument], name: str, folder: Path | None
) -> Instrument:
    """The instrument of a name; raises `FileError` with the nearest for another name."""
    for instrument in instruments:
        if instrument.instrument == name:
            return instrument
    names = [instrument.instrument for instrument in instruments]
    problem = f"no instrument '{name}'; {config_file.nearest(name, names)}"
    if folder is None:
        raise FileError("instruments", "", problem)
    raise FileError(folder / STUDY_FILE, "instruments", problem)


def bilingual(text: Text) -> str:
    """A text in English and Japanese, as far as the file has it."""
    return " · ".join(text[name] for name in LANGUAGES if name in text)


def answer_range(item: Item) -> str:
    """The answers of an item: `0-3`, `1-7 or 8`, or its choices."""
    if not item.is_numeric:
        return ", ".join(item.choices)
    special = f" or {item.not_applicable}" if item.not_applicable is not None else ""
    reversal = ", reversed" if item.reversed else ""
    return f"{coding_text(*item.range)}{special}{reversal}"


def summary_lines(instrument: Instrument) -> Iterator[str]:
    """How answers are coded and what they are called, and the scores."""
    spans = {item.range for item in instrument.items if item.is_numeric}
    if len(spans) == 1:
        coding = coding_text(*spans.pop())
        yield f"coding: {{{instrument.instrument}: {coding}}}, unless a mapping says otherwise"
    answers = [f"{code} {bilingual(text)}" for code, text in instrument.answers.items()]
    if answers:
        yield f"answers: {'; '.join(answers)}"
    for item in instrument.items:
        if item.choices:
            choices = [f"{code} {bilingual(t)}" for code, t in item.choices.items()]
            yield f"{item.code}: {'; '.join(choices)}"
    for scale in instrument.scales:
        yield _scale_line(instrument, scale)


def detail_lines(instrument: Instrument) -> Iterator[str]:
    """Period, ranges of scores, source, licence, and where to get the wording."""
    if instrument.period:
        yield f"period: {bilingual(instrument.period)}"
    for band in instrument.bands:
        yield f"{band.scale} {band.low:g}-{band.high:g}: {bilingual(band.label)}"
    for name in ("reference", "licence", "where"):
        if text := getattr(instrument, name):
            yield f"{name}: {' '.join(text.split())}"


def _scale_line(instrument: Instrument, scale: Scale) -> str:
    """A score, how it is made, and its bounds."""
    bounds = instrument.bounds(scale)
    span = f" {bounds[0]:g}-{bounds[1]:g}" if bounds else ""
    source = "delivered" if scale.delivered else f"{scale.method} of {len(scale.items)}"
    return (
        f"score {instrument.column(scale)}{span}: {source} · {bilingual(scale.label)}"
    )
