"""Running the commands that pages show, as a reader would type them."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.docs import documents
from tests.lib import warm

BETWEEN = "=== the next block ==="


def environment(home: Path, fresh: bool = False) -> Mapping[str, str]:
    """This one, with our `panelstream` first on the path and no study of its own.

    Python imports from this checkout, whichever one the command is installed from.
    Unless `fresh`, the command is a stand-in, which has it forked (`tests.lib.warm`).
    """
    rest = {n: v for n, v in os.environ.items() if not n.startswith("PANELSTREAM_")}
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    stand_in = {}
    if warm.CAN_FORK and not fresh:
        programs.insert(0, str(Path(__file__).parent / "bin"))
        stand_in["WARM_SOCKET"] = warm.address()
    imports = [str(documents.ROOT), str(documents.ROOT / "ingest/emitter")]
    path = {
        "PATH": os.pathsep.join(programs),
        "PYTHONPATH": os.pathsep.join(imports),
        "HOME": str(home),
    }
    return {**rest, **quiet, **path, **stand_in, "COLUMNS": "100", "LC_ALL": "C.UTF-8"}


def run(scripts: Sequence[str], folder: Path, fresh: bool = False) -> list[str]:
    """What each script printed (both streams), all run by one `bash -e` in `folder`.

    `fresh`: each `panelstream` is the installed one. Fails with everything that was
    printed if a command fails.
    """
    script = f"\necho '{BETWEEN}'\n".join(scripts)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=environment(folder, fresh),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.split(BETWEEN)


def python(script: str, folder: Path) -> str:
    """What a Python script printed, run apart in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
