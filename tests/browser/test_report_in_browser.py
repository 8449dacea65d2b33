"""The report in a real browser: it renders, needs nothing else, fits a phone."""

import json
import re
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from panelstream.analysis.report.report import make_report
from tests.lib import panels
from tests.lib.parts import require

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
)
FRAME = """<!DOCTYPE html><body style="margin:0">
<iframe id="page" src="report.html" style="width:{width}px;height:900px;border:0">
</iframe><pre id="measured"></pre>
<script>
addEventListener("load", () => {{
  const inner = document.getElementById("page").contentDocument;
  const measured = {{
    client: inner.documentElement.clientWidth,
    scroll: inner.documentElement.scrollWidth,
    headings: [...inner.querySelectorAll("h1, h2")].map(one => one.textContent),
    requests: inner.defaultView.performance.getEntriesByType("resource")
      .map(one => one.name),
    images: [...inner.querySelectorAll("svg[role=img]")]
      .map(one => one.getBoundingClientRect().width),
    tables: inner.querySelectorAll("table").length,
  }};
  document.getElementById("measured").textContent = JSON.stringify(measured);
}});
</script>
"""

Measure = Callable[[int], dict[str, Any]]


@pytest.fixture(scope="module", params=[panels.u2plus, panels.forum])
def measure(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Measure:
    """Open the report in a frame of so many pixels and measure what is there."""
    chromium = require("chromium")
    folder = tmp_path_factory.mktemp("browser")
    inputs = request.param(folder)
    report = make_report(inputs.data)
    (folder / "report.html").write_text(report.html, encoding="utf-8")

    def measured(width: int) -> dict[str, Any]:
        page = folder / f"frame_{width}.html"
        page.write_text(FRAME.format(width=width), encoding="utf-8")
        return _measured(_dump(chromium, page, folder / f"profile_{width}"))

    return measured


@pytest.mark.parametrize("width", [360, 1366])
def test_report_fits_the_screen(measure: Measure, width: int) -> None:
    """It renders with headings, figures and tables, and never scrolls sideways."""
    page = measure(width)
    assert page["client"] > width - 20
    assert page["scroll"] <= page["client"]
    assert {"Summary", "Participants", "Provenance"} <= set(page["headings"])
    assert page["tables"] > 4
    assert page["images"]
    assert all(0 < image <= page["client"] for image in page["images"])
    assert page["requests"] == []


def _dump(chromium: str, page: Path, profile: Path) -> str:
    """The document as it stands after loading; frames may read each other's files."""
    command = [
        chromium,
        *FLAGS,
        "--allow-file-access-from-files",
        f"--user-data-dir={profile}",
        "--window-size=1500,1000",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, timeout=300, check=True)
    return done.stdout.decode()


def _measured(document: str) -> dict[str, Any]:
    result = re.search(r'<pre id="measured">(.*?)</pre>', document, re.DOTALL)
    assert result
    measured: dict[str, Any] = json.loads(unescape(result[1]))
    return measured
