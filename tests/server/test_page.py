"""docs/how-to/warehouse.md says what is so."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from panelstream.chdb_server import encodings
from panelstream.models.warehouse.endpoint import Endpoint
from tests.docs import documents
from tests.lib import serving
from tests.lib.command import succeed

TEXT = documents.read("docs/how-to/warehouse.md")


def test_the_keys_of_the_endpoint_file() -> None:
    """The table names every one."""
    [table] = re.findall(r"\| key \|.*?\n\n", TEXT, re.DOTALL)
    named = set(re.findall(r"`(\w+)`", table.replace("127.0.0.1", "")))
    assert {field.name for field in fields(Endpoint)} <= named


def test_the_encodings() -> None:
    """Those that answers are offered in, in their order."""
    assert f"answers in {', '.join(encodings.CODECS)} where" in TEXT


def test_the_example_works(tmp_path: Path) -> None:
    """The Python of the page, in a study folder whose warehouse is served."""
    succeed("simulate", "--out", tmp_path / "s", "--participants", 20, "--waves", 2)
    [code] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    with serving.serve(tmp_path / "s"):
        succeed("query", "SELECT 1", "--study", tmp_path / "s")
        command = [sys.executable, "-W", "ignore::ResourceWarning", "-c", code]
        subprocess.run(command, cwd=tmp_path / "s", check=True)
