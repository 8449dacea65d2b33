"""Programs a test needs that need not be everywhere."""

import os
import shutil

import pytest

REQUIRED = "PANELSTREAM_REQUIRE_PARTS"
"""Set where every part must be present, so that nothing is skipped unseen."""


def require(program: str) -> str:
    """The path of `program`; without it the test is skipped, or fails if required."""
    result = shutil.which(program)
    if result:
        return result
    if os.environ.get(REQUIRED):
        pytest.fail(f"needs {program}")
    pytest.skip(f"needs {program}")
