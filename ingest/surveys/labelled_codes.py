"""What a file says of its own codes: value labels, and codes written before labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from panelstream.ingest.surveys.cell_words import (
    NOT_A_CODE,
    bare_label_key,
    label_key,
    split_numbered,
)
from panelstream.ingest.surveys.file_types.export_file import Export
from panelstream.ingest.surveys.formats.importer import ImportContext
from panelstream.ingest.surveys.item_columns import ItemColumn, item_column
from panelstream.models.instruments.instrument import Item


@dataclass(frozen=True)
class LabelledCode:
    """A code of an item with the label that the file gives it, and how it is read."""

    code: str
    """The item's."""
    item: Item
    number: int
    label: str
    shown: str
    """The label as a message may show it: empty if it is known from a cell only."""
    meaning: str
    """The instrument's code of this label; empty if it has no such label."""
    reading: str
    """The instrument's code that the answer would become."""
    mapped: str | None
    """The code that the mapping's labels declare for it; None without such labels."""

    @property
    def is_contradicted(self) -> bool:
        """Whether the answer would become another than its label says."""
        if self.meaning == str(self.item.not_applicable):
            return False
        if self.meaning:
            is_left_out = self.mapped is not None and self.reading == NOT_A_CODE
            return self.reading not in ("", self.meaning) and not is_left_out
        return self.item.is_numeric and self.mapped not in (
            None,
            "",
            str(self.number),
        )


def labelled_codes(export: Export, context: ImportContext) -> list[LabelledCode]:
    """The labelled codes of all items, in the order of the columns."""
    mapping = context.mapping
    codes: list[LabelledCode] = []
    for place, header in enumerate(export.header):
        code = mapping.columns.get(header, header)
        if code in context.items and header not in mapping.ignore:
            cells = [record[place] for _, record in export.rows()]
            column = item_column(export, context, code, cells, header)
            codes += _of_file(column)
            codes += _of_cells(column, cells)
    return codes


def _of_file(column: ItemColumn) -> Iterator[LabelledCode]:
    item = column.item
    if item is not None:
        for code, label in column.file_labels.items():
            if code.lstrip("-").isdigit() and not _is_missing(column, code):
                yield _labelled(column, item, int(code), label, shown=label)


def _of_cells(column: ItemColumn, cells: Sequence[str]) -> list[LabelledCode]:
    """Of cells as `1 - Never`; shown in the words of the instrument, if it has any.

    Where some agree with the instrument, the others are wrong cells, which are set
    apart, and not another coding.
    """
    item = column.item
    if item is None or not item.is_numeric:
        return []
    pairs = {pair for cell in {*cells} if (pair := split_numbered(cell))}
    codes = [
        _labelled(column, item, int(number), label, _standard_label(column, label))
        for number, label in sorted(pairs)
    ]
    sound = [code for code in codes if not code.is_contradicted]
    return sound if any(code.meaning for code in sound) else codes


def _standard_label(column: ItemColumn, label: str) -> str:
    """A label as the instrument writes it; empty if it has none of these words."""
    texts = column.instrument.labels(column.item) if column.item else {}
    labels = [label for text in texts.values() for label in text.values()]
    key = label_key(label)
    return next((text for text in labels if label_key(text) == key), "")


def _labelled(
    column: ItemColumn, item: Item, number: int, label: str, shown: str
) -> LabelledCode:
    mapped = column.mapped_labels
    return LabelledCode(
        code=column.code,
        item=item,
        number=number,
        label=label,
        shown=shown,
        meaning=column.standard_codes.get(bare_label_key(label), ""),
        reading=column.answer(str(number)),
        mapped=None if mapped is None else mapped.get(label_key(label), ""),
    )


def _is_missing(column: ItemColumn, code: str) -> bool:
    """Whether a labelled code is no option: declared missing, or a usual code of it."""
    is_wrong = not column.accepts(column.answer(code))
    return code in column.missing or (is_wrong and column.may_be_missing(code))
