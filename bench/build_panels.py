"""Ours: everything from a settled log to the panels of the shipped study file.

Argument: folder.
"""

import os
import sys
from pathlib import Path

from bench.measuring import measured
from panelstream.flows import panels
from panelstream.flows.workspace import open_workspace
from panelstream.models.settings.environment import Settings

if __name__ == "__main__":
    settings = Settings.from_environ(os.environ, Path(sys.argv[1]))
    with open_workspace(settings) as workspace, measured():
        panels.build(workspace)
