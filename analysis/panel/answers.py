"""From raw answers to one row per participant and wave."""

from collections.abc import Sequence

import pandas as pd

from panelstream.models.instruments.instrument import Instrument

RESPONSE = ["participant_id", "wave", "responded_at"]
SHEET = [*RESPONSE, "instrument"]


def one_a_wave(raw: pd.DataFrame, instruments: Sequence[Instrument]) -> pd.DataFrame:
    """Of several responses in one wave take the first complete one, else the first.

    Each instrument by itself: a wave may come as two forms. The wave's time is that
    of the earliest response taken, so that no use after any answer is counted.

    `raw`: participant_id, wave, responded_at, instrument, item, answer (coded text;
    empty: asked, not answered), finished (the export's word that it was sent in; null:
    none). Returns participant_id, wave, responded_at and one
    column an item or delivered scale: floats, or text for items with choices.
    """
    known = raw[raw["instrument"].isin([one.instrument for one in instruments])]
    held = _held(known)
    first = held.groupby(["participant_id", "wave"])["responded_at"].transform("min")
    return _wide(held.assign(responded_at=first), instruments)


def columns(instruments: Sequence[Instrument]) -> dict[tuple[str, str], str]:
    """The column of each (instrument, item): the item's code, or the score's name."""
    names = {
        (one.instrument, item.code): item.code
        for one in instruments
        for item in one.items
    }
    for one in instruments:
        for scale in one.scales:
            if scale.delivered:
                names[one.instrument, scale.code] = f"{one.instrument}_{scale.code}"
    return names


def _wide(raw: pd.DataFrame, instruments: Sequence[Instrument]) -> pd.DataFrame:
    names = columns(instruments)
    of_pair = pd.Series(names, dtype=object)
    pairs = raw.groupby(["instrument", "item"], sort=False).ngroup()
    first = ~pairs.duplicated()
    named = pd.MultiIndex.from_frame(raw.loc[first, ["instrument", "item"]])
    raw = raw.assign(column=of_pair.reindex(named).to_numpy()[pairs])
    wide = raw.dropna(subset=["column"]).pivot(
        index=RESPONSE, columns="column", values="answer"
    )
    wide = wide.reindex(columns=list(names.values())).replace("", None).reset_index()
    worded = {item.code for one in instruments for item in one.items if item.choices}
    numeric = [name for name in names.values() if name not in worded]
    return wide.astype(dict.fromkeys(numeric, float)).rename_axis(columns=None)


def sheets(raw: pd.DataFrame) -> pd.DataFrame:
    """One row a response and instrument: whether it is `complete`, and whether it `holds`.

    Complete is what has no blank answer, or was sent in as the export says. Of several
    in a wave the first complete one holds, else the first.
    """
    told = raw.assign(blank=raw["answer"] == "", sent=raw["finished"].eq(True))
    rows = told.groupby(SHEET)[["blank", "sent"]].any().reset_index()
    rows["complete"] = rows["sent"] | ~rows["blank"]
    keys = ["participant_id", "wave", "instrument"]
    order = rows.sort_values(
        [*keys, "complete", "responded_at"], ascending=[True] * 3 + [False, True]
    )
    rows["holds"] = rows.index.isin(order.drop_duplicates(keys).index)
    return rows.drop(columns=["blank", "sent"])


def _held(raw: pd.DataFrame) -> pd.DataFrame:
    """The answers of the response that holds, by participant, wave and instrument."""
    held = sheets(raw)
    return raw.merge(held.loc[held["holds"], SHEET])
