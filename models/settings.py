"""Settings, read once from the environment (and `.env`) at the entry points."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import FileError

PREFIX = "PANELSTREAM_"
NAMES = ("STUDY", "WAREHOUSE", "PSEUDONYM_KEY_FILE")


@dataclass(frozen=True)
class Settings:
    """Where the study lies, where its warehouse is, and where its key is kept."""

    study: Path
    warehouse: str
    pseudonym_key_file: Path

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str], study: Path | None = None
    ) -> "Settings":
        """Read PANELSTREAM_STUDY, PANELSTREAM_WAREHOUSE, PANELSTREAM_PSEUDONYM_KEY_FILE.

        `study` (a command's option) wins over the environment, the environment
        over `.env` in the study's folder. Raises `FileError` for a line of `.env`
        that is not NAME=value, or a name that has no place there.
        """
        folder = study or Path(environ.get(f"{PREFIX}STUDY", "."))
        values = {**read_env(folder / ".env"), **environ}
        default = f"chdb://{(folder / 'warehouse').resolve()}"
        key_file = values.get(
            f"{PREFIX}PSEUDONYM_KEY_FILE", str(folder / "pseudonym.key")
        )
        return cls(folder, values.get(f"{PREFIX}WAREHOUSE", default), Path(key_file))


def read_env(path: Path) -> dict[str, str]:
    """The panelstream settings of a `.env` file; empty where there is none."""
    if not path.is_file():
        return {}
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return dict(
        _setting(path, number, line)
        for number, line in lines
        if line.strip() and not line.lstrip().startswith("#")
    )


def _setting(path: Path, number: int, line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    names = [f"{PREFIX}{one}" for one in NAMES if one != "STUDY"]
    if not equals or name.strip() not in names:
        known = ", ".join(names)
        raise FileError(path, str(number), f"not a setting; known: {known}")
    return name.strip(), value.strip().strip("'\"")
