"""The slow, plain computation that any faster one must agree with.

    python compute_expected.py FOLDER expected.json

FOLDER holds events.ndjson (unpacked) and the response files of examples/lifesnaps.

Reads the files of that folder and nothing else.  The log is taken to cover every window (coverage: assumed).  Loops on purpose; no project code, no statistics library.

Standard errors are clustered by person: V = c (X'X)^-1 [sum_g (X_g'u_g)(X_g'u_g)'] (X'X)^-1.
    cr0         c = 1
    cr1_nested  c = G/(G-1) * (N-1)/(N-K),  K = slopes + intercept + wave dummies   (person effects not counted)
    cr1_all     the same with K = rank of the whole design, person dummies counted too
    cr2         c = 1, and A_g u_g in the place of u_g (Bell & McCaffrey 2002, Surv. Methodol. 28(2)): A_g is the
                symmetric root of the pseudo-inverse of I - X_g (X'X)^-1 X_g'
For pooled models there are no person effects, so both cr1 agree.
"""
import datetime as dt
import json
import os
import sys

import numpy as np
import pandas as pd

OUTCOMES = ("stai_stress", "positive_affect_score", "negative_affect_score")
EXPOSURES = ("exercise_logged", "day_worn", "sleep_recorded", "mood_reported")


def instant(text):
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def read_events(folder):
    rows, seen, lines = [], set(), 0
    for line in open(os.path.join(folder, "events.ndjson"), encoding="utf-8"):
        one = json.loads(line)
        lines += 1
        if (one["source"], one["id"]) not in seen:
            seen.add((one["source"], one["id"]))
            rows.append((one["subject"], one["type"].split(".")[1], instant(one["time"]), one["time"][:10]))
    return lines, pd.DataFrame(rows, columns=["person", "type", "at", "day"])


def exposure(mine, kinds, start, end):
    """Count and distinct days of every kind, for start <= time < end."""
    inside = mine[(mine["at"] >= start) & (mine["at"] < end)]
    numbers = []
    for kind in kinds:
        some = inside[inside["type"] == kind]
        numbers += [len(some), some["day"].nunique()]
    return numbers


def least_squares(y, design, slopes, persons, absorbed):
    y, x = np.array(y, float), np.array(design, float)
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    rank = int(np.linalg.matrix_rank(x))
    assert rank == x.shape[1], "persons and waves must form one connected panel"
    left = y - x @ beta
    bread = np.linalg.inv(x.T @ x)
    meat, meat2 = np.zeros((x.shape[1], x.shape[1])), np.zeros((x.shape[1], x.shape[1]))
    clusters = sorted(set(persons))
    for person in clusters:
        mine = np.array([p == person for p in persons])
        push = x[mine].T @ left[mine]
        meat += np.outer(push, push)
        values, vectors = np.linalg.eigh(np.eye(mine.sum()) - x[mine] @ bread @ x[mine].T)
        roots = np.array([1 / np.sqrt(v) if v > 1e-10 else 0.0 for v in values])
        push = x[mine].T @ (vectors * roots) @ vectors.T @ left[mine]
        meat2 += np.outer(push, push)
    n, g = len(y), len(clusters)
    cr0 = np.sqrt(np.maximum(np.diag(bread @ meat @ bread), 0))  # a dummy of one row may round below zero
    cr2 = np.sqrt(np.maximum(np.diag(bread @ meat2 @ bread), 0))
    fit = {"n": n, "persons": g, "k_nested": rank - absorbed, "k_all": rank, "rss": float(left @ left)}
    for name, column in slopes.items():
        fit[name] = {"b": float(beta[column]), "cr0": float(cr0[column]), "cr2": float(cr2[column])}
        for label, k in (("cr1_nested", rank - absorbed), ("cr1_all", rank)):
            fit[name][label] = float(cr0[column] * np.sqrt(g / (g - 1) * (n - 1) / (n - k)))
    return fit


def without_singletons(rows):
    """Drop persons, then waves, with a single row, until nothing changes."""
    while True:
        persons = [r["person"] for r in rows]
        kept = [r for r in rows if persons.count(r["person"]) > 1]
        waves = [r["wave"] for r in kept]
        kept = [r for r in kept if waves.count(r["wave"]) > 1]
        if len(kept) == len(rows):
            return rows
        rows = kept


def regress(rows, outcome, exposure_name, effects):
    """Slope of the outcome on log(1 + count)."""
    rows = [r for r in rows if r[outcome] is not None and r[exposure_name] is not None]
    if effects == "person and wave":
        rows = without_singletons(rows)
    persons, waves = sorted({r["person"] for r in rows}), sorted({r["wave"] for r in rows})
    design = []
    for r in rows:
        line = [1.0, float(np.log1p(r[exposure_name]))]
        if effects == "person and wave":
            line += [float(r["wave"] == w) for w in waves[1:]] + [float(r["person"] == p) for p in persons[1:]]
        design.append(line)
    absorbed = len(persons) - 1 if effects == "person and wave" else 0
    fit = least_squares([r[outcome] for r in rows], design, {"log1p_" + exposure_name: 1}, [r["person"] for r in rows], absorbed)
    return {"outcome": outcome, "exposures": [exposure_name], "effects": effects, "waves": waves, **fit}


def panel(folder, events, kinds):
    last, rows, exposures, scores, number = {}, [], [], [], 1
    while os.path.exists(os.path.join(folder, "responses_wave%d.csv" % number)):
        for _, row in pd.read_csv(os.path.join(folder, "responses_wave%d.csv" % number), dtype=str, keep_default_na=False).iterrows():
            person, at = row["person"], instant(row["submitted_at"])
            mine = events[events["person"] == person]
            record = {"person": person, "wave": number, **{o: float(row[o]) if row[o] else None for o in OUTCOMES}}
            scores.append([person, number] + [record[o] for o in OUTCOMES])
            windows = {"lookback7": at - dt.timedelta(days=7)}
            if person in last:
                windows["between"] = last[person]
            for name, start in windows.items():
                numbers = exposure(mine, kinds, start, at)
                exposures.append([person, number, name] + numbers)
                record.update({"%s:%s" % (name, kind): numbers[2 * i] for i, kind in enumerate(kinds)})
            rows.append(record)
            last[person] = at
        number += 1
    return rows, exposures, scores


def write(path, result):
    """JSON with one table row a line."""
    def text(value, depth):
        if isinstance(value, dict) and depth < 2:
            return "{\n" + ",\n".join(json.dumps(k) + ": " + text(v, depth + 1) for k, v in value.items()) + "\n}"
        if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
            return "[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in value) + "\n]"
        return json.dumps(value)
    open(path, "w", encoding="utf-8").write(text(result, 0) + "\n")


def main():
    folder, path = sys.argv[1:3]
    lines, events = read_events(folder)
    kinds = sorted(events["type"].unique())
    rows, exposures, scores = panel(folder, events, kinds)
    fits = []
    for window in ("lookback7", "between"):
        for outcome in OUTCOMES:
            for kind in EXPOSURES:
                use = [dict(r, **{kind: r.get(window + ":" + kind)}) for r in rows]
                for effects in ("person and wave", "none"):
                    fits.append({"windows": window, **regress(use, outcome, kind, effects)})
    write(path, {
        "events": {"lines": lines, "distinct": len(events), "persons": int(events["person"].nunique()),
                   "distinct_by_type": {k: int((events["type"] == k).sum()) for k in kinds},
                   "persons_by_type": {k: int(events[events["type"] == k]["person"].nunique()) for k in kinds}},
        "panel": {"exposure_columns": ["person", "wave", "window"] + [k + s for k in kinds for s in ("", "/days")],
                  "exposures": exposures, "score_columns": ["person", "wave"] + list(OUTCOMES), "scores": scores, "fits": fits}})


main()
