"""The writer of public/: released tables and the page that shows them, nothing else."""

from pathlib import Path

from panelstream.analysis.report.report import Report


def write_public(report: Report, public: Path) -> Path:
    """Write the report and its tables to `public`; returns the page's path."""
    tables = public / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    for stale in tables.glob("*.csv"):  # what an earlier plan left
        stale.unlink()
    for table in report.tables:
        path = tables / f"{table.name}.csv"
        path.write_text(table.csv(), encoding="utf-8", newline="")
    page = public / "report.html"
    page.write_text(report.html, encoding="utf-8")
    return page
