"""Writes the golden exports that are no text: run once, when a case is added.

python tests/golden/make_exports.py
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyreadstat

local = datetime.fromisoformat
"""These files know no time zones."""

HERE = Path(__file__).parent / "responses"

FORM = [
    ["タイムスタンプ", "メールアドレス", "ID", "気分の落ち込み", "年齢"],
    [local("2026-03-01T09:30:00"), "canary.x1@example.org", "user-1", "数日", 34],
    [local("2026-03-01T21:05:19"), "canary.x2@example.org", "user-2", None, 41.0],
]
MICROSOFT_FORM = [
    [
        *("ID", "開始時刻", "完了時刻", "メール", "名前", "最終変更時刻"),
        *("会員番号", "興味・楽しみ", "誰に相談しましたか"),
    ],
    [
        *(1, local("2026-03-01T09:20:00"), local("2026-03-01T09:30:05")),
        *("canary.m1@example.org", "Canary Hanako", None),
        *("user-1", "数日", "友人;家族;"),
    ],
    [
        *(2, local("2026-03-01T21:00:00"), local("2026-03-01T21:05:19")),
        *("anonymous", None, None, "user-2", "全くない", None),
    ],
]
ANSWERS = pd.DataFrame(
    {
        "platform_id": ["user-1", "user-2", ""],
        "submitted_at": [
            local("2026-03-01T09:30:00"),
            local("2026-03-01T00:00:00"),
            local("2026-03-02T00:00:00"),
        ],
        "email": ["canary.s1@example.org", "canary.s2@example.org", ""],
        "phq9_1": [0.0, 3.0, 1.0],
        "phq9_2": [2.0, None, 9.0],
        "stigma1": [6.0, 1.0, 2.0],
    }
)
DAYS = {0: "Not at all", 1: "Several days", 2: "More than half", 3: "Nearly every day"}
LABELS = {"phq9_1": DAYS, "phq9_2": DAYS, "stigma1": {1: "disagree", 6: "agree"}}
TITLES = {"stigma1": "Close friendship", "phq9_1": "Little interest"}

TURNED = pd.DataFrame(
    {
        "platform_id": ["user-1", "user-2", "user-3"],
        "submitted_at": ANSWERS["submitted_at"],
        "phq9_1": [0.0, 3.0, -99.0],
        "pdd_1": [6.0, 1.0, 2.0],
        "pdd_2": [1.0, None, 5.0],
        "gender": [1.0, 2.0, 4.0],
    }
)
TURNED_LABELS = {
    "phq9_1": {**DAYS, -99: "Seen, not answered"},
    "pdd_1": {1: "Strongly AGREE", 6: "Strongly disagree"},
    "pdd_2": {1: "1 強くそう思う", 6: "全くそう思わない"},
    "gender": {1: "女性", 2: "Male", 3: "Other", 4: "回答しない"},
}


def main() -> None:
    """Workbooks, two files for SPSS, one for Stata."""
    book = openpyxl.Workbook()
    for row in FORM:
        book.active.append(row)
    book.create_sheet("empty")
    book.save(_place("google_forms/workbook") / "export.xlsx")
    book = openpyxl.Workbook()
    for row in MICROSOFT_FORM:
        book.active.append(row)
    book.save(_place("microsoft_forms/workbook") / "export.xlsx")
    shared: dict[str, Any] = {"column_labels": TITLES, "variable_value_labels": LABELS}
    missing: dict[str, Any] = {"phq9_2": [9]}
    pyreadstat.write_sav(
        ANSWERS, _place("plain/spss") / "export.sav", missing_ranges=missing, **shared
    )
    turned: dict[str, Any] = {
        "variable_value_labels": TURNED_LABELS,
        "missing_ranges": {"phq9_1": [-99]},
    }
    pyreadstat.write_sav(TURNED, _place("plain/spss_turned") / "export.sav", **turned)
    pyreadstat.write_dta(ANSWERS, _place("plain/stata") / "export.dta", **shared)


def _place(case: str) -> Path:
    folder = HERE / case
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
