"""From raw answers to one row per participant and wave."""

from collections.abc import Sequence

import pandas as pd

from panelstream.models.instruments.instrument import Instrument

RESPONSE_KEYS = ["participant_id", "wave", "responded_at"]
SHEET_KEYS = [*RESPONSE_KEYS, "instrument"]


def select_responses(
    raw: pd.DataFrame, instruments: Sequence[Instrument]
) -> pd.DataFrame:
    """Of several responses in one wave take the first complete one, else the first.

    Each instrument by itself: a wave may come as two forms. The wave's time is that
    of the earliest response taken, so that no use after any answer is counted.

    `raw`: participant_id, wave, responded_at, instrument, item, answer (coded text;
    empty: asked, not answered), finished (the export's word that it was sent in; null:
    none). Returns participant_id, wave, responded_at and one
    column an item or delivered scale: floats, or text for items with choices.
    """
    names = [instrument.instrument for instrument in instruments]
    selected = _selected(raw[raw["instrument"].isin(names)])
    by_wave = selected.groupby(["participant_id", "wave"])
    first = by_wave["responded_at"].transform("min")
    return _wide(selected.assign(responded_at=first), instruments)


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


def _wide(raw: pd.DataFrame, instruments: Sequence[Instrument]) -> pd.DataFrame:
    names = answer_columns(instruments)
    column_of_pair = pd.Series(names, dtype=object)
    pairs = raw.groupby(["instrument", "item"], sort=False).ngroup()
    first = ~pairs.duplicated()
    index = pd.MultiIndex.from_frame(raw.loc[first, ["instrument", "item"]])
    raw = raw.assign(column=column_of_pair.reindex(index).to_numpy()[pairs])
    wide = raw.dropna(subset=["column"]).pivot(
        index=RESPONSE_KEYS, columns="column", values="answer"
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


def response_sheets(raw: pd.DataFrame) -> pd.DataFrame:
    """One row a response and instrument: whether it is `complete`, and `is_selected`.

    Complete is what has no blank answer, or was sent in as the export says. Of several
    in a wave the first complete one is selected, else the first.
    """
    flags = raw.assign(blank=raw["answer"] == "", sent=raw["finished"].eq(True))
    rows = flags.groupby(SHEET_KEYS)[["blank", "sent"]].any().reset_index()
    rows["complete"] = rows["sent"] | ~rows["blank"]
    keys = ["participant_id", "wave", "instrument"]
    order = rows.sort_values(
        [*keys, "complete", "responded_at"], ascending=[True] * 3 + [False, True]
    )
    rows["is_selected"] = rows.index.isin(order.drop_duplicates(keys).index)
    return rows.drop(columns=["blank", "sent"])


def _selected(raw: pd.DataFrame) -> pd.DataFrame:
    """The answers of the selected response, by participant, wave and instrument."""
    sheets = response_sheets(raw)
    return raw.merge(sheets.loc[sheets["is_selected"], SHEET_KEYS])
