"""Where the pins hold: Pythons, systems, and the groups of pins. Standard library only.

`install` runs before anything is installed, so nothing here may need a package.
"""

from pathlib import Path

FOLDER = Path(__file__).parent

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OLDEST_PIP = (23, 0)
"""The first pip that is tested; older ones lack what the pins rely on."""

GLIBC = (2, 28)
MACOS = (14, 0)
SYSTEMS = (("linux", "x86_64"), ("darwin", "arm64"))
SYSTEMS_IN_WORDS = (
    f"Linux on x86-64 with glibc {GLIBC[0]}.{GLIBC[1]} or newer, "
    f"and macOS {MACOS[0]} or newer on Apple silicon"
)

GROUPS = ("run", "build", "dev", "bench")
"""Files of pins. A group needs those before it; no pin stands in two of them."""


def files(group: str) -> tuple[Path, ...]:
    """The files of pins that a group needs, its own last."""
    return tuple(FOLDER / f"{name}.txt" for name in GROUPS[: GROUPS.index(group) + 1])
