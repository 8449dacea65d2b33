"""Ours: everything from a settled log to the panels of the shipped study file.

Argument: folder.
"""

import sys
from pathlib import Path

from bench.measuring import measured
from panelstream.flows import panels
from panelstream.flows.workspace import open_workspace

if __name__ == "__main__":
    with open_workspace(Path(sys.argv[1])) as workspace, measured():
        panels.build(workspace)
