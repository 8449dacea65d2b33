"""From raw answers to one row per participant and wave.

An answer is usable if it has a value: a blank, a missing code and a cell that was set
apart have none. A *sheet* is what one response holds of one instrument.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from panelstream.models.instruments.instrument import Instrument

Numbers = npt.NDArray[np.integer[Any]]

PERSON_WAVE = ["participant_id", "wave"]
RESPONSE_KEYS = [*PERSON_WAVE, "response"]
SHEET_KEYS = [*RESPONSE_KEYS, "instrument"]


@dataclass(frozen=True)
class SelectedAnswers:
    """The answers that a panel counts.

    `responses`: as `select_responses` returns them; `not_asked`: as `items_not_asked`.
    """

    responses: pd.DataFrame
    not_asked: Mapping[int, Sequence[str]]


def select_answers(
    raw: pd.DataFrame, instruments: Sequence[Instrument]
) -> SelectedAnswers:
    """What a panel counts of raw answers, which are as for `select_responses`."""
    return SelectedAnswers(
        select_responses(raw, instruments), items_not_asked(raw, instruments)
    )


def select_responses(
    raw: pd.DataFrame, instruments: Sequence[Instrument]
) -> pd.DataFrame:
    """Of several responses in one wave take the one that `response_sheets` selects.

    Each instrument by itself: a wave may come as two forms. The wave's time is that
    of the earliest response taken, so that no use after any answer is counted. A person
    without a usable answer has no row.

    `raw`: participant_id, wave, response (identifies it within the person),
    responded_at, instrument, item, answer (coded text; empty: no usable value),
    finished (the export's word that it was sent in; null: none); one row a response and
    item. Returns participant_id, wave, responded_at and one column an item or delivered
    scale: floats, or text for items with choices.
    """
    raw = _of_instruments(raw, instruments)
    sheets, numbers = _number_sheets(raw, instruments)
    usable = sheets["is_selected"] & sheets["usable"]
    people = [sheets[key] for key in PERSON_WAVE]
    times = sheets["responded_at"].where(usable).groupby(people).transform("min")
    is_selected = (sheets["is_selected"] & times.notna()).to_numpy()[numbers]
    selected = raw[is_selected]
    at = times.take(numbers[is_selected]).set_axis(selected.index)
    return _wide(selected.assign(responded_at=at), instruments)


def response_sheets(
    raw: pd.DataFrame, instruments: Sequence[Instrument]
) -> pd.DataFrame:
    """One row a sheet: `SHEET_KEYS`, `responded_at`, and what is known of it as flags.

    `usable`: it has a usable answer; `complete`: it has one to each item that the wave
    asks of the instrument, that is, which any response of the wave holds; `unfinished`:
    the export says that it was not sent in; `is_selected`: it counts. Of several in a
    wave the first complete one is selected, else the first usable one, else the first;
    of one time by `response`. The seconds that a form took are no answer: a sheet of
    nothing else is not `is_asked`, and is as usable and as complete as its response.
    `raw`: as for `select_responses`.
    """
    sheets, _ = _number_sheets(_of_instruments(raw, instruments), instruments)
    return sheets


def items_not_asked(
    raw: pd.DataFrame, instruments: Sequence[Instrument]
) -> dict[int, tuple[str, ...]]:
    """By wave, the items that no response holds of instruments of which one holds some.

    Delivered scales and the seconds that a form took are no items that are asked.
    `raw`: as for `select_responses`.
    """
    rows = _items_of_waves(raw, *_number_pairs(raw)).groupby("wave")
    held = {
        int(str(wave)): set(pairs.itertuples(index=False, name=None))
        for wave, pairs in rows[["instrument", "item"]]
    }
    missing = {
        wave: tuple(_missing(pairs, instruments)) for wave, pairs in held.items()
    }
    return {wave: items for wave, items in missing.items() if items}


def answer_columns(instruments: Sequence[Instrument]) -> dict[tuple[str, str], str]:
    """The column of each (instrument, item): the item's code, or the score's name."""
    names = {
        (instrument.instrument, item.code): item.code
        for instrument in instruments
        for item in instrument.items
    }
    for instrument in instruments:
        for scale in instrument.scales:
            if scale.delivered:
                key = instrument.instrument, scale.code
                names[key] = instrument.column(scale)
    return names


def _of_instruments(
    raw: pd.DataFrame, instruments: Sequence[Instrument]
) -> pd.DataFrame:
    names = [instrument.instrument for instrument in instruments]
    return raw[raw["instrument"].isin(names)]


def _asked_pairs(instruments: Sequence[Instrument]) -> set[tuple[str, str]]:
    """The (instrument, item) that a person answers; not what the form itself tells."""
    seconds = {
        (instrument.instrument, item.code)
        for instrument in instruments
        for item in instrument.items
        if item.seconds
    }
    return set(answer_columns(instruments)) - seconds


def _missing(
    held: set[tuple[str, str]], instruments: Sequence[Instrument]
) -> Iterator[str]:
    """The codes of items that are not held, of instruments that have some that are."""
    for instrument in instruments:
        items = [item.code for item in instrument.items if not item.seconds]
        missing = [code for code in items if (instrument.instrument, code) not in held]
        if len(missing) < len(items):
            yield from missing


def _number_pairs(raw: pd.DataFrame) -> tuple[Numbers, pd.MultiIndex]:
    """Of each row the position of its (instrument, item) in an index."""
    pairs = raw.groupby(["instrument", "item"], sort=False).ngroup()
    first = ~pairs.duplicated()
    index = pd.MultiIndex.from_frame(raw.loc[first, ["instrument", "item"]])
    return pairs.to_numpy(), index


def _items_of_waves(
    raw: pd.DataFrame, pairs: Numbers, index: pd.MultiIndex
) -> pd.DataFrame:
    """The wave, instrument and item that occur, once each; from `_number_pairs`."""
    numbers = pd.unique(raw["wave"].to_numpy(np.int64) * len(index) + pairs)
    waves, positions = np.divmod(numbers, len(index))
    items = index.take(positions).to_frame(index=False, name=["instrument", "item"])
    return items.assign(wave=waves)


def _number_sheets(
    raw: pd.DataFrame, instruments: Sequence[Instrument]
) -> tuple[pd.DataFrame, Numbers]:
    """The sheets as `response_sheets` returns them, and of each row the sheet's position."""
    pairs, index = _number_pairs(raw)
    asked = index.isin(_asked_pairs(instruments))
    flags = raw[[*SHEET_KEYS, "responded_at"]].assign(
        answers=asked[pairs] & (raw["answer"] != ""),
        unfinished=raw["finished"].eq(False),
    )
    groups = flags.groupby(SHEET_KEYS)
    sheets = groups.agg(
        {"responded_at": "min", "answers": "sum", "unfinished": "any"}
    ).reset_index()
    items = _items_of_waves(raw, pairs, index)
    of_people = pd.MultiIndex.from_frame(items[index.names]).isin(index[asked])
    asked_of_sheet = _number_asked(sheets, items[of_people])
    sheets = _with_selection(_with_completeness(sheets, asked_of_sheet))
    return sheets.drop(columns="answers"), groups.ngroup().to_numpy()


def _number_asked(sheets: pd.DataFrame, items: pd.DataFrame) -> Numbers:
    """How many items the wave asks of each sheet's instrument."""
    keys = ["wave", "instrument"]
    numbers = items.groupby(keys).size()
    index = pd.MultiIndex.from_frame(sheets[keys])
    return numbers.reindex(index, fill_value=0).to_numpy()


def _with_completeness(sheets: pd.DataFrame, asked: Numbers) -> pd.DataFrame:
    sheets["is_asked"] = asked > 0
    sheets["usable"] = sheets["answers"] > 0
    sheets["complete"] = sheets["usable"] & (sheets["answers"] == asked)
    flags = ["usable", "complete"]
    of_response = sheets.groupby(RESPONSE_KEYS)[flags].transform("any")
    return sheets.assign(**sheets[flags].where(sheets["is_asked"], of_response))


def _with_selection(sheets: pd.DataFrame) -> pd.DataFrame:
    # They come by response, and the sort is stable.
    first = sheets["responded_at"].astype("int64")
    ranks = first, ~sheets["usable"], ~sheets["complete"]
    order = sheets.take(np.lexsort([rank.to_numpy() for rank in ranks]))
    selected = order.drop_duplicates([*PERSON_WAVE, "instrument"]).index
    return sheets.assign(is_selected=sheets.index.isin(selected))


def _wide(raw: pd.DataFrame, instruments: Sequence[Instrument]) -> pd.DataFrame:
    names = answer_columns(instruments)
    pairs, index = _number_pairs(raw)
    columns = pd.Series(names, dtype=object).reindex(index).to_numpy()
    raw = raw.assign(column=columns[pairs])
    wide = raw.dropna(subset=["column"]).pivot(
        index=[*PERSON_WAVE, "responded_at"], columns="column", values="answer"
    )
    wide = wide.reindex(columns=list(names.values())).replace("", None).reset_index()
    texts = {
        item.code
        for instrument in instruments
        for item in instrument.items
        if item.choices
    }
    numeric = [name for name in names.values() if name not in texts]
    return wide.astype(dict.fromkeys(numeric, float)).rename_axis(columns=None)
