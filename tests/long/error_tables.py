"""Tables of simulated studies for docs/explanation/validity.md.

    python -m tests.long.error_tables studies.csv cases.csv

counts the studies that `error_rates` and `special_cases` simulated, keeps the counts in
`tests/long/simulated/`, and writes the page's tables.
"""

from pathlib import Path
from sys import argv
from typing import Any

import numpy as np
import pandas as pd

from tests.long.error_rates import PERSONS, TRUTHS, USE, WAVES

Row = dict[str, Any]

FOLDER = Path(__file__).parent / "simulated"
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "validity.md"
CELL = ["use", "persons", "waves", "truth", "errors"]
TITLES = {
    "gaussian": "normal",
    "heavy": "heavy-tailed",
    "volatile": "heavy-tailed, heavier users more volatile",
}
EVENTS = ("associated", "negligible", "larger", "feedback")


def count_studies(studies: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell: studies, those with any such verdict, and coefficients."""
    studies = studies.drop_duplicates([*CELL, "seed"])
    counted = studies.assign(
        seeds=1, **{f"any_{name}": (studies[name] > 0).astype(int) for name in EVENTS}
    )
    # Intervals of one study go together, so that their share has an error of studies.
    share = counted["covered"] / counted["estimated"].where(counted["estimated"] > 0)
    counted = counted.assign(coverage=share)
    groups = counted.groupby(CELL, sort=True)
    columns = ["seeds", *(f"any_{name}" for name in EVENTS)]
    columns += ["covered", "estimated", "few", "curved", "excluded"]
    sums = groups[columns].sum()
    return sums.assign(coverage_sd=groups["coverage"].std().round(5)).reset_index()


def count_cases(cases: pd.DataFrame) -> pd.DataFrame:
    """A row for each number of each setting: studies, mean and standard deviation."""
    keys = ["family", "setting", "what"]
    cases = cases.drop_duplicates([*keys, "seed"]).dropna(subset="value")
    groups = cases.groupby(keys, sort=False)["value"]
    counted = pd.DataFrame(
        {"seeds": groups.count(), "mean": groups.mean(), "sd": groups.std()}
    )
    return counted.round(5).reset_index()


def main_table(counts: pd.DataFrame) -> str:
    """A row for each kind of study, with the errors of simulation."""
    head = (
        "| use | people | waves | studies | any false *associated* "
        "| any false *negligible* | any false *larger* | coverage, no effect "
        "| coverage, smallest effect | any false *feedback* |"
    )
    lines = [head, "|---|" + "---:|" * 9]
    cells_of_studies = _index(counts[counts["errors"] == "cr2"], CELL[:4])
    for use in USE:
        for persons in PERSONS:
            for waves in sorted(WAVES):
                keys = [(use, persons, waves, truth) for truth in TRUTHS]
                if not set(keys) <= set(cells_of_studies):
                    continue
                null, edge = (cells_of_studies[key] for key in keys)
                cells = [
                    TITLES[use],
                    persons,
                    waves,
                    f"{null['seeds']:.0f} + {edge['seeds']:.0f}",
                    _share(null["any_associated"], null["seeds"]),
                    _share(edge["any_negligible"], edge["seeds"]),
                    _share(edge["any_larger"], edge["seeds"]),
                    _coverage(null),
                    _coverage(edge),
                    _share(null["any_feedback"], null["seeds"]) if waves > 2 else "–",
                ]
                lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, *_pooled(counts)])


def _pooled(counts: pd.DataFrame) -> list[str]:
    """All kinds of studies of one kind of use together."""
    rows = []
    counts = counts[counts["errors"] == "cr2"]
    for use in USE:
        sums = counts[counts["use"] == use].groupby("truth").sum(numeric_only=True)
        null, edge = (_index(sums.reset_index(), ["truth"])[truth,] for truth in TRUTHS)
        tested = counts[(counts["use"] == use) & (counts["waves"] > 2)]
        leads = tested[tested["truth"] == "zero"].sum(numeric_only=True)
        cells = [
            f"{TITLES[use]}, all",
            "",
            "",
            f"{null['seeds']:.0f} + {edge['seeds']:.0f}",
            _share(null["any_associated"], null["seeds"]),
            _share(edge["any_negligible"], edge["seeds"]),
            _share(edge["any_larger"], edge["seeds"]),
            _percent(null["covered"] / null["estimated"]),
            _percent(edge["covered"] / edge["estimated"]),
            _share(leads["any_feedback"], leads["seeds"]),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def errors_table(counts: pd.DataFrame) -> str:
    """CR1 beside CR2, without any effect, six waves."""
    lines = ["| use | people | CR1 | CR2 |", "|---|---:|---:|---:|"]
    cells = _index(counts, CELL)
    for use in USE[1:]:
        for persons in PERSONS:
            keys = [(use, persons, 6, "zero", errors) for errors in ("cr1", "cr2")]
            if not set(keys) <= set(cells):
                continue
            row = [cells[key] for key in keys]
            shares = [_share(cell["any_associated"], cell["seeds"]) for cell in row]
            lines.append(f"| {TITLES[use]} | {persons} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def cases_table(counts: pd.DataFrame, family: str, columns: dict[str, str]) -> str:
    """A row for each setting of a family, a column for each number."""
    rows = counts[counts["family"] == family]
    lines = [
        "| setting | studies | " + " | ".join(columns.values()) + " |",
        "|---|---:|" + "---:|" * len(columns),
    ]
    for setting, numbers in rows.groupby("setting", sort=False):
        values = _index(numbers, ["what"])
        cells = [
            _mean(values[what,], what) if (what,) in values else "–" for what in columns
        ]
        seeds = int(numbers["seeds"].max())
        lines.append(f"| {setting} | {seeds} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def tables(studies: pd.DataFrame, cases: pd.DataFrame) -> dict[str, str]:
    """What stands in the page, by the names of its marks."""
    verdicts = {
        "associated": "associated (of any kind)",
        "negligible": "negligible, or associated but negligible",
        "curved": "undecided: not a straight line",
    }
    return {
        "error rates": main_table(studies),
        "cr1": errors_table(studies),
        "few": cases_table(
            cases,
            "few",
            {
                "few": "*rests on too few people*",
                "associated": "*associated*",
                "negligible": "*negligible*",
                "covered": "coverage",
            },
        ),
        "feedback": cases_table(
            cases,
            "feedback",
            {
                "seen_jointly": "seen, five functions",
                "seen_alone": "seen, signing in",
                "false_alarm": "feedback on an outcome that has none",
                "excluded": "*feedback excluded*, share of PDD's coefficients",
            },
        ),
        "shape": cases_table(cases, "shape", verdicts),
        "floor": cases_table(
            cases, "floor", {"at_floor": "at the lowest value", **verdicts}
        ),
        "leaving": cases_table(
            cases, "leaving", {"bias": "bias", "covered": "coverage"}
        ),
    }


def fill(page: str, blocks: dict[str, str]) -> str:
    """The page with each table between its marks, if it has these."""
    for name, table in blocks.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if start not in page:
            continue
        before, rest = page.split(start)
        page = f"{before}{start}\n\n{table}\n\n{end}" + rest.split(end)[1]
    return page


def read_counts() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The committed counts of studies and of cases."""
    names = ("studies.csv", "cases.csv")
    studies, cases = (pd.read_csv(FOLDER / name) for name in names)
    return studies, cases


def _index(frame: pd.DataFrame, names: list[str]) -> dict[tuple[Any, ...], Row]:
    """Rows by what names them."""
    rows: list[Row] = frame.to_dict("records")  # type: ignore[assignment]
    return {tuple(row[name] for name in names): row for row in rows}


def _share(events: float, seeds: float) -> str:
    """Percent, and the standard error of the simulation.

    Of no event the upper limit of 95 % stands instead (rule of three).
    """
    if not seeds:
        return ""
    share = events / seeds
    if share in (0.0, 1.0):
        return f"{share:.0%} (± {3 / seeds:.1%})".replace("%", " %")
    error = np.sqrt(share * (1 - share) / seeds)
    return f"{share:.1%} ± {error:.1%}".replace("%", " %")


def _coverage(cell: Row) -> str:
    error = cell["coverage_sd"] / np.sqrt(cell["seeds"])
    share = cell["covered"] / cell["estimated"]
    return f"{share:.1%} ± {error:.1%}".replace("%", " %")


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _mean(number: Row, what: str) -> str:
    error = number["sd"] / np.sqrt(number["seeds"])
    if what == "bias":
        return f"{number['mean']:+.3f} ± {error:.3f}"
    return _share(number["mean"] * number["seeds"], number["seeds"])


def main(studies: str, cases: str) -> None:
    """Count, keep and write."""
    counts = count_studies(pd.read_csv(studies)), count_cases(pd.read_csv(cases))
    FOLDER.mkdir(exist_ok=True)
    for name, frame in zip(("studies.csv", "cases.csv"), counts, strict=True):
        frame.to_csv(FOLDER / name, index=False, lineterminator="\n")
    page = fill(PAGE.read_text(encoding="utf-8"), tables(*read_counts()))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*argv[1:])
