"""What analysts join use with, by chunks: people, the panel, items and waves."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa

from panelstream.models.instruments.instrument import Instrument, Item
from panelstream.models.study.consent import Consents
from panelstream.models.study.study import Study
from panelstream.models.study.windows import DAY
from panelstream.models.warehouse.projection_rows import (
    instants,
    participant_hashes,
    with_build,
)
from panelstream.models.warehouse.projections import Build, Chunk

INSTANTS = ("responded_at", "window_start", "window_end")
"""Columns of the panel that are instants."""
KEYS = ("participant_id", "wave")

_DAY = timedelta(days=1)
_PERIOD = pa.struct([("first_on", pa.date32()), ("last_on", pa.date32())])
Days = tuple[date, date]
"""Study-local days from the first to the day after the last."""


def participant_chunks(
    study: Study, planned: pd.DataFrame, consents: Consents, as_of: datetime
) -> Iterator[Chunk]:
    """The people with rows in the panel (`planned`, as `windows.plan` returns it)."""
    yield Chunk("all", partial(_participants, study, planned, consents, as_of))


def panel_chunks(
    waves: Iterable[int], panel: Callable[[], pd.DataFrame]
) -> Iterator[Chunk]:
    """The panel of the study's own window, a chunk a wave."""
    for wave in waves:
        yield Chunk(f"{wave}", partial(_panel, wave, panel))


def item_chunks(instruments: Sequence[Instrument]) -> Iterator[Chunk]:
    """The items of all instruments."""
    yield Chunk("all", partial(_items, instruments))


def wave_chunks(study: Study) -> Iterator[Chunk]:
    """The waves of the study."""
    yield Chunk("all", partial(_waves, study))


def _participants(
    study: Study,
    planned: pd.DataFrame,
    consents: Consents,
    as_of: datetime,
    build: Build,
) -> pa.Table:
    people = planned.groupby("participant_id", sort=True)
    names = planned["participant_id"].drop_duplicates().sort_values()
    consented = _by_person(consents.telemetry, "from_on", "until_on")
    rounds = people["round"].unique()
    periods = _study_periods(planned, consented, as_of.astimezone(study.zone).date())
    return with_build(
        {
            "participant_id": participant_hashes(names.to_frame()),
            "rounds": pa.array(
                [sorted(rounds[name]) for name in names], pa.list_(pa.uint16())
            ),
            "enrolled_on": pa.array(
                people["enrolled_on"].min().reindex(names).to_numpy(DAY), pa.date32()
            ),
            "study_periods": _periods(periods.get(name, []) for name in names),
            "consent_periods": _periods(consented.get(name, []) for name in names),
        },
        build,
    )


def _study_periods(
    planned: pd.DataFrame, consented: Mapping[str, Sequence[Days]], today: date
) -> Mapping[str, Sequence[Days]]:
    """When each person is in the study, in whole days that are over.

    From the first window or enrolment of a round to the end of its last wave or window,
    or until the person's consent ended for good.
    """
    rounds = planned.groupby(["participant_id", "round"], sort=True).agg(
        enrolled_on=("enrolled_on", "min"),
        start_on=("start_on", "min"),
        closes=("round_closes_before", "max"),
        end_on=("end_on", "max"),
    )
    starts = rounds[["enrolled_on", "start_on"]].min(axis=1)
    ends = rounds[["closes", "end_on"]].max(axis=1)
    participants = rounds.index.get_level_values("participant_id")
    last = {name: max(until for _, until in days) for name, days in consented.items()}
    consent_ends = pd.to_datetime(pd.Series([last.get(p) for p in participants]))
    until = np.fmin(ends.to_numpy(DAY), consent_ends.to_numpy(DAY))
    until = np.minimum(until, np.datetime64(today, "D"))
    spans = pd.DataFrame(
        {
            "participant_id": participants,
            "from_on": starts.to_numpy(),
            "until_on": until,
        }
    )
    return _by_person(
        spans[spans["from_on"] < spans["until_on"]], "from_on", "until_on"
    )


def _by_person(
    spans: pd.DataFrame, start: str, end: str
) -> Mapping[str, Sequence[Days]]:
    """The days [start, end) of each person, joined where they touch or overlap."""
    by_person: dict[str, list[Days]] = {}
    days = (spans[name].to_numpy(DAY).tolist() for name in (start, end))
    for name, first, until in sorted(zip(spans["participant_id"], *days, strict=True)):
        periods = by_person.setdefault(name, [])
        if periods and first <= periods[-1][1]:
            last = periods.pop()
            first, until = last[0], max(last[1], until)
        periods.append((first, until))
    return by_person


def _periods(by_person: Iterable[Sequence[Days]]) -> pa.Array:
    return pa.array(
        [[(first, until - _DAY) for first, until in days] for days in by_person],
        pa.list_(_PERIOD),
    )


def _panel(wave: int, panel: Callable[[], pd.DataFrame], build: Build) -> pa.Table:
    """The rows of a wave: its numbers and texts by column, without those that are null."""
    frame = panel()
    rows = frame[frame["wave"] == wave]
    columns = [name for name in rows if name not in (*KEYS, *INSTANTS)]
    numbers = [name for name in columns if not is_text(frame[name])]
    texts = [name for name in columns if name not in numbers]
    return with_build(
        {
            "participant_id": participant_hashes(rows),
            "wave": pa.repeat(pa.scalar(wave, pa.uint16()), len(rows)),
            **{name: instants(rows[name]) for name in INSTANTS},
            "numbers": _maps(rows[numbers].astype(float), pa.float64()),
            "texts": _maps(rows[texts].astype(object), pa.string()),
        },
        build,
    )


def is_text(values: pd.Series) -> bool:
    """Whether a column of the panel is of texts, not of numbers."""
    return not pd.api.types.is_numeric_dtype(values)


def _maps(values: pd.DataFrame, kind: pa.DataType) -> pa.Array:
    """A map from column to value of each row (n,), without missing values."""
    present = values.notna().to_numpy()
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    names = pa.array(list(values.columns), pa.string())
    keys = names.take(pa.array(np.nonzero(present)[1]))
    items = pa.array(values.to_numpy()[present], kind)
    return pa.MapArray.from_arrays(pa.array(offsets), keys, items)


def _items(instruments: Sequence[Instrument], build: Build) -> pa.Table:
    return pa.concat_tables(_items_of(instrument, build) for instrument in instruments)


def _items_of(instrument: Instrument, build: Build) -> pa.Table:
    items = instrument.items
    ranges = [item.range if item.is_numeric else (None, None) for item in items]
    languages = pa.map_(pa.string(), pa.string())
    return with_build(
        {
            "instrument": pa.repeat(instrument.instrument, len(items)),
            "item": pa.array([item.code for item in items], pa.string()),
            "position": pa.array(range(1, len(items) + 1), pa.uint16()),
            "label": pa.array([list(item.label.items()) for item in items], languages),
            "low": pa.array([low for low, _ in ranges], pa.int64()),
            "high": pa.array([high for _, high in ranges], pa.int64()),
            "not_applicable": pa.array(
                [item.not_applicable for item in items], pa.int64()
            ),
            "reversed": pa.array([item.reversed for item in items], pa.bool_()),
            "answers": pa.array(
                [_answers(instrument, item) for item in items],
                pa.map_(pa.string(), languages),
            ),
            "scores": pa.array(
                [_scores(instrument, item) for item in items], pa.list_(pa.string())
            ),
            "function": pa.array([item.function or "" for item in items], pa.string()),
        },
        build,
    )


def _answers(
    instrument: Instrument, item: Item
) -> list[tuple[str, list[tuple[str, str]]]]:
    labels = instrument.labels(item).items()
    return [(code, list(text.items())) for code, text in labels]


def _scores(instrument: Instrument, item: Item) -> list[str]:
    return [scale.code for scale in instrument.scales if item.code in scale.items]


def _waves(study: Study, build: Build) -> pa.Table:
    waves = study.waves
    numbers = pa.uint16()
    return with_build(
        {
            "wave": pa.array([wave.wave for wave in waves], numbers),
            "wave_index": pa.array(range(len(waves)), numbers),
            "round": pa.array([wave.round for wave in waves], numbers),
            "opens_on": pa.array([wave.opens_on for wave in waves], pa.date32()),
            "closes_on": pa.array([wave.closes_on for wave in waves], pa.date32()),
            "opens_after_days": pa.array(
                [wave.opens_after_days for wave in waves], numbers
            ),
            "open_days": pa.array([wave.open_days for wave in waves], numbers),
        },
        build,
    )
