"""The same answers as a form in Japanese would export them, with its ordinary trouble.

Question titles as headers, option labels as answers, a column of e-mail addresses,
an instrument that is coded from 1 instead of 0, and a title that somebody edited
between the first wave and the second.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from panelstream.models.instruments.instrument import Instrument, Item
from panelstream.models.simulation.world import shipped

INSTRUMENTS = ("phq9", "pdd", "ghsq", "function_use", "demographics")
CODED_FROM_1, SINGLE = "pdd", "demographics"
PLUMBING = ("タイムスタンプ", "メールアドレス", "U2plusのユーザーID")
EDITED = {"phq9_2": "気分の落ち込み・憂うつ"}

ItemsByCode = Mapping[str, tuple[Instrument, Item]]


def write_form(plain: Path, path: Path, wave: int) -> None:
    """Write what a form would have exported of the responses in a plain file."""
    items = {
        item.code: (instrument, item)
        for instrument in map(shipped, INSTRUMENTS)
        for item in instrument.items
    }
    with plain.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    codes = [code for code in rows[0] if code in items] if rows else []
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*PLUMBING, *(_title(*items[code], wave) for code in codes)])
        writer.writerows(_row(row, codes, items) for row in rows)


def _title(instrument: Instrument, item: Item, wave: int) -> str:
    """A grid names its rows; who somebody is, is asked by single questions."""
    label = EDITED[item.code] if wave > 1 and item.code in EDITED else item.label["ja"]
    alone = instrument.instrument == SINGLE
    return label if alone else f"{instrument.title['ja']} [{label}]"


def _row(row: Mapping[str, str], codes: list[str], items: ItemsByCode) -> Iterator[str]:
    yield _stamp(datetime.fromisoformat(row["submitted_at"]))
    yield f"{row['platform_id']}@example.org"
    yield row["platform_id"]
    for code in codes:
        yield _answer(*items[code], row[code])


def _answer(instrument: Instrument, item: Item, answer: str) -> str:
    """The label of an answer where each has one, else its number on the form's scale."""
    labels = {code: text["ja"] for code, text in instrument.labels(item).items()}
    if not answer:
        return ""
    if not item.is_numeric or all(str(code) in labels for code in _codes(item)):
        return labels[answer]
    return str(int(answer) + (instrument.instrument == CODED_FROM_1))


def _codes(item: Item) -> range:
    low, high = item.range
    return range(low, high + 1)


def _stamp(at: datetime) -> str:
    """`2024/01/15 9:05:19 午前 GMT+9`, as a direct download has it."""
    half = "午前" if at.hour < 12 else "午後"
    offset = (at.utcoffset() or at.resolution).total_seconds() // 3600
    return f"{at:%Y/%m/%d} {at.hour % 12 or 12}:{at:%M:%S} {half} GMT{offset:+.0f}"
