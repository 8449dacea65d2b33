"""Whether the answers of an export speak against how an instrument is coded.

A coding is declared in the mapping and never guessed. What is not declared is taken
to be as the instrument's; these checks find where that cannot be, and say what to
declare.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import (
    ImportContext,
    SurveyRow,
    item_of_column,
)
from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Item

_MOST_OPTIONS = 10
_MIN_ANSWERS = 50
"""Among so many answers to an instrument, the lowest one is expected to occur."""


@dataclass(frozen=True)
class _LikelyCoding:
    """A coding that would explain what the range of an instrument's item does not."""

    instrument: tuple[int, int]
    export: tuple[int, int]


def check_codings(
    export: Export, context: ImportContext, rows: Sequence[SurveyRow]
) -> None:
    """Raises `FileError` with what to declare, for the first instrument in doubt."""
    names = {instrument.instrument for instrument, _ in context.items.values()}
    for name in sorted(names - {*context.mapping.coding}):
        for likely in (
            *_labelled(export, context, name),
            *_observed(context, name, rows),
        ):
            raise FileError(export.path, name, _problem(name, likely))


def _problem(name: str, likely: _LikelyCoding) -> str:
    (low, high), (first, last) = likely.instrument, likely.export
    return (
        f"answers to {name} do not go from {low} to {high}; declare how this export "
        f"codes them, in the mapping, the low end first: coding: {{{name}: "
        f"{first}-{last}}}, or {{{name}: {low}-{high}}} if the others are mistakes"
    )


def _labelled(
    export: Export, context: ImportContext, name: str
) -> Iterator[_LikelyCoding]:
    """Codes with value labels in the export do not end where an item's range does."""
    for header, labels in export.value_labels.items():
        item = _item(context, name, context.mapping.columns.get(header, header))
        codes = [int(code) for code in labels if code.isdigit()]
        if item is not None:
            codes = [code for code in codes if code != item.not_applicable]
            if len(codes) > 1 and (min(codes), max(codes)) != item.range:
                yield _LikelyCoding(item.range, (min(codes), max(codes)))


def _observed(
    context: ImportContext, name: str, rows: Sequence[SurveyRow]
) -> Iterator[_LikelyCoding]:
    """All answers would fit if the range were shifted, or nobody gave the lowest."""
    for (low, high), answers in _by_range(context, name, rows).items():
        smallest, largest = min(answers), max(answers)
        fits = largest - smallest <= high - low
        is_telling = len(answers) >= _MIN_ANSWERS
        if fits and largest > high:
            yield _LikelyCoding((low, high), (low + largest - high, largest))
        elif (fits and smallest < low) or (is_telling and smallest > low):
            yield _LikelyCoding((low, high), (smallest, smallest + high - low))


def _by_range(
    context: ImportContext, name: str, rows: Sequence[SurveyRow]
) -> dict[tuple[int, int], list[int]]:
    """The numbers given to an instrument's items, by the range of the item."""
    items = {code: _item(context, name, code) for code in context.items}
    by_range: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        for code, answer in row.answers.items():
            item = items[code]
            if item and answer.isdigit() and int(answer) != item.not_applicable:
                by_range.setdefault(item.range, []).append(int(answer))
    return by_range


def _item(context: ImportContext, name: str, code: str) -> Item | None:
    """The item of a column, if it is one of the instrument whose numbers are options."""
    if code not in context.items or context.items[code][0].instrument != name:
        return None
    item = item_of_column(context, code)
    if item is None or not item.is_numeric:
        return None
    low, high = item.range
    return item if high - low <= _MOST_OPTIONS else None
