"""Further measures of use, and what withdrawals take off: SQL over planned windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from panelstream.models.arrays import Array
from panelstream.models.study import measures
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.measures import MeasureColumn
from panelstream.models.study.use import MeasuredUse
from panelstream.models.warehouse.act_parameters import lost, taken_back, withdrawals
from panelstream.models.warehouse.store import Store

_EVENTS_AT_ONCE = 10_000_000
"""The engine holds up to 100 bytes for each; so one query stays near 1 GB."""


@dataclass(frozen=True)
class Windows:
    """The windows of one panel, as they are called in `exposure_windows`.

    `rows`: as `windows.plan` returns them; what is counted comes in their order.
    """

    store: Store
    folder: StudyFolder
    panel: str
    rows: pd.DataFrame
    as_of: datetime

    def standing(self, use: MeasuredUse) -> MeasuredUse:
        """`use` without the acts that were taken back before each window ended."""
        if self.rows.empty or not withdrawals(self.folder):
            return use
        withdrawn = self._query("queries/taken_back")
        keys = list(self.folder.study.exposure.functions)
        return MeasuredUse(
            use.counts - np.nan_to_num(self._aligned(withdrawn, "acts", keys)),
            use.days - np.nan_to_num(self._aligned(withdrawn, "days", keys)),
        )

    def further(self) -> Mapping[str, Array]:
        """Each column of a further measure that the study asks for, as counted."""
        all_columns = self.folder.measures
        if self.rows.empty:
            return {column.name: np.empty(0) for column in all_columns}
        counted: dict[str, Array] = {}
        for measure in self.folder.study.exposure.measures:
            columns = [column for column in all_columns if column.measure == measure]
            counted |= self._counted(measure, columns)
        return counted

    def _counted(self, measure: str, columns: list[MeasureColumn]) -> dict[str, Array]:
        measured = self._query(
            f"measures/{columns[0].definition.name}",
            field=measures.measured_field(measure) or "",
            types=[column.event_type for column in columns],
            words=[column.value for column in columns],
            columns=[column.name for column in columns],
        )
        values = self._aligned(measured, "value", [column.key for column in columns])
        return {column.name: values[:, at] for at, column in enumerate(columns)}

    def _query(self, name: str, **parameters: Any) -> pd.DataFrame:
        study = self.folder.study
        parts = [
            self.store.query_over_relations(
                name,
                panel=self.panel,
                people_from=people[0],
                people_until=people[-1],
                as_of=self.as_of,
                zone=study.timezone,
                functions=list(study.exposure.functions),
                **taken_back(self.folder),
                **lost(study),
                **parameters,
            )
            for people in self._portions
        ]
        frame: pd.DataFrame = pa.concat_tables(parts).to_pandas()
        return frame

    @cached_property
    def _portions(self) -> list[npt.NDArray[np.object_]]:
        """Everybody in order, so many at a time that memory does not grow with the log."""
        people = np.unique(self.rows["participant_id"].to_numpy(object))
        [log] = self.store.query("events_stored").to_pylist()
        number = min(len(people), 1 + log["stored"] // _EVENTS_AT_ONCE)
        return np.array_split(people, number)

    def _aligned(self, values: pd.DataFrame, column: str, keys: list[str]) -> Array:
        """Values (rows, keys); NaN where a row has no window."""
        values = values if "key" in values else values.assign(key="")
        wide = values.pivot(index=["participant", "wave"], columns="key", values=column)
        rows = pd.MultiIndex.from_frame(self.rows[["participant_id", "wave"]])
        aligned: Array = wide.reindex(index=rows, columns=keys).to_numpy(float)
        return aligned
