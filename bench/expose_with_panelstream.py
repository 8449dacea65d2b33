"""Ours: plan's windows into the warehouse, then events and days of each from the log.

Arguments: folder, kind of windows, number of waves.
"""

import sys
from pathlib import Path

import numpy as np

from bench.exposure_log import dsn, our_cells, windows
from bench.measuring import measured
from panelstream.models.study.load import load_study
from panelstream.models.study.study import Window
from panelstream.models.warehouse import projection_rows, store
from panelstream.models.warehouse.exposure_counts import count_use
from panelstream.models.warehouse.projections import NEVER, Basis, Build
from panelstream.models.warehouse.settling import newest_instant

if __name__ == "__main__":
    folder, kind, waves = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    rows, window = windows(kind, waves), Window(kind="lookback", days=1)
    warehouse = store.open_store(dsn(folder))
    as_of = newest_instant(warehouse)
    build = Build("exposure_windows", f"{kind} {waves}", Basis("", "", as_of), NEVER)
    [planned] = projection_rows.window_chunks({window: rows})
    asked = load_study(folder).study
    with measured():
        warehouse.insert(build.projection, planned.rows(build))
        name = projection_rows.panel_name(build, window)
        use = count_use(warehouse, asked, name, rows, as_of)
    np.savez(our_cells(folder), events=use.counts, days=use.days)
    warehouse.close()
