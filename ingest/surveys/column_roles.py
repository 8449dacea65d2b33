"""What a column that asks no item is for, by its header and the form of its cells.

Cells are looked at and never returned.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from panelstream.ingest.surveys.formats.importer import looks_personal
from panelstream.ingest.surveys.header_matching import header_key

_PERSON = (
    re.compile(r"platformid|プラットフォームid"),
    re.compile(
        r"(?:会員|ユーザー?|利用者|参加者|メンバー|アカウント|u2plus).{0,4}(?:id|番号|コード)"
        r"|(?:member|membership|user|participant|account|subject)(?:s|ship)?(?:id|number|no|code)"
        r"|(?:your|my|u2plus)\w*id$|^(?:token|accesscode|zugangscode)$"
    ),
    re.compile(r"id|externalreference|externaldatareference"),
)
"""Keys of headers that say who, the surest first; the last ones only as a whole."""
_RESPONSE = re.compile(
    r"(?:response|submission|record|entry|answer)(?:id|number|no)|id|回答(?:id|番号|者番号)"
)
_TIME = re.compile(
    r"(?:\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})"
    r"(?:[T ,].*\d{1,2}[:時]\d{2}.*)?"
)
_TIME_HEADER = re.compile(r"submit|complet|finish|timestamp|回答日|送信|提出|完了|終了")
_ID = re.compile(
    r"(?!\d+[.,]\d+$)(?=.*\d)[A-Za-z0-9][A-Za-z0-9._\-]{3,}|[A-Za-z][-_]?\d+"
)
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})")
_WAVE_HEADER = re.compile(
    r"wave|timepoint|visit|round|時点|調査回|回目|何回|第何|どの調査|ウェーブ|調査時期"
)
_MOST_WAVES = 12
_LEAST_FREE_TEXTS = 10
_LONG_TEXT = 40


@dataclass(frozen=True)
class CellColumn:
    """A header with the cells below it, in the order of the rows."""

    header: str
    cells: Sequence[str]

    @property
    def texts(self) -> list[str]:
        """The cells that hold anything."""
        return [cell.strip() for cell in self.cells if cell.strip()]


def propose_person(columns: Sequence[CellColumn]) -> str:
    """The header of the column that says who; empty where none or several may be it.

    By its header, else as the only column whose cells look like ids.
    """
    candidates = [c for c in columns if not looks_personal(c.header) and c.texts]
    for pattern in _PERSON:
        is_last = pattern is _PERSON[-1]
        find: Callable[[str], object] = pattern.fullmatch if is_last else pattern.search
        named = [c.header for c in candidates if find(header_key(c.header))]
        if named:
            return named[0] if len(named) == 1 else ""
    return _only([c.header for c in candidates if _holds_ids(c)])


def propose_submitted_at(columns: Sequence[CellColumn]) -> str:
    """The header of the only column of times, or of the only one whose header says so."""
    times = [column.header for column in columns if holds_times(column)]
    named = [header for header in times if _TIME_HEADER.search(header_key(header))]
    return _only(times) or _only(named)


def propose_response_id(columns: Sequence[CellColumn]) -> str:
    """The header of the tool's own id of a response."""
    return _only(
        [c.header for c in columns if _RESPONSE.fullmatch(header_key(c.header))]
    )


def propose_wave(columns: Sequence[CellColumn]) -> str:
    """The header of the only column that says which wave a row belongs to."""
    return _only(
        [
            column.header
            for column in columns
            if _WAVE_HEADER.search(header_key(column.header))
            and 1 < len(set(column.texts)) <= _MOST_WAVES
            and not holds_times(column)
        ]
    )


def days_spanned(column: CellColumn) -> int:
    """Days from the first to the last day that the cells name; 0 without any."""
    days = [
        366 * int(day[1]) + 31 * int(day[2]) + int(day[3])
        for text in column.texts
        if (day := _DAY.match(text))
    ]
    return max(days) - min(days) if days else 0


def holds_times(column: CellColumn) -> bool:
    """Whether every cell that holds anything is a time or a day."""
    texts = column.texts
    return bool(texts) and all(_TIME.fullmatch(text) for text in texts)


def holds_free_text(column: CellColumn) -> bool:
    """Whether people wrote what they liked: a long text, or many different words."""
    words = {text for text in column.texts if not re.fullmatch(r"[\d.,+\-]+", text)}
    is_long = any(len(text) > _LONG_TEXT for text in words)
    return is_long or len(words) > _LEAST_FREE_TEXTS


def _holds_ids(column: CellColumn) -> bool:
    """A different short text with a digit in almost every row, and no time."""
    texts = column.texts
    return (
        len(texts) > 1
        and len(set(texts)) == len(texts)
        and all(_ID.fullmatch(text) for text in texts)
        and not holds_times(column)
    )


def _only(headers: Sequence[str]) -> str:
    return headers[0] if len(headers) == 1 else ""
