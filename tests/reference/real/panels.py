"""Three real panels, long, as our estimators and R both read them.

    python tests/reference/real/panels.py FOLDER

writes them for the R script. Wages of 545 men over eight years (Vella & Verbeek 1998,
J. Appl. Econometrics 13), as linearmodels ships them; investment of eleven firms over
twenty years (Grunfeld 1958), as statsmodels does; depression of 100 patients at five
times in a trial of computerized therapy (Proudfoot et al. 2003, Psychol. Med. 33), of
whom half are gone at the end, from `btheb.csv`.
"""

import sys
from pathlib import Path

import pandas as pd
import statsmodels.api as sm
from linearmodels.datasets import wage_panel

BTHEB = Path(__file__).with_name("btheb.csv")
MONTHS = ("bdi.pre", "bdi.2m", "bdi.4m", "bdi.6m", "bdi.8m")


def wages() -> pd.DataFrame:
    """Log wages, membership in a union, marriage, schooling; years as waves."""
    frame = wage_panel.load()
    names = {"nr": "participant_id", "year": "wave"}
    kept = ["participant_id", "wave", "lwage", "union", "married", "educ"]
    return frame.rename(columns=names)[kept]


def investment() -> pd.DataFrame:
    """Investment, value and capital of firms; years as waves."""
    frame: pd.DataFrame = sm.datasets.grunfeld.load_pandas().data
    named = frame.rename(columns={"firm": "participant_id", "year": "wave"})
    return named.astype({"wave": int})


def depression() -> pd.DataFrame:
    """Beck's inventory; `treated` from the first time after the therapy began."""
    wide = pd.read_csv(BTHEB).rename_axis("participant_id").reset_index()
    long = wide.melt(
        ["participant_id", "drug", "length", "treatment"],
        [*MONTHS],
        var_name="time",
        value_name="bdi",
    )
    wave = long["time"].map({name: wave for wave, name in enumerate(MONTHS)})
    treated = (long["treatment"] == "BtheB") & (wave > 0)
    long = long.assign(wave=wave, treated=treated.astype(float)).dropna(subset="bdi")
    ordered = long.sort_values(["participant_id", "wave"])
    return ordered[["participant_id", "wave", "bdi", "treated", "drug"]]


PANELS = {"wages": wages, "investment": investment, "depression": depression}

if __name__ == "__main__":
    for name, panel in PANELS.items():
        panel().to_csv(Path(sys.argv[1]) / f"{name}.csv", index=False)
