"""Settings, read once from the environment (and `.env`) at the entry points."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from panelstream.models.errors import FileError, UsageError
from panelstream.models.settings.setting import SETTINGS

PREFIX = "PANELSTREAM_"
NAMES = tuple(setting.name for setting in SETTINGS)


@dataclass(frozen=True)
class Values:
    """What is set, and where: in the environment, else in the study's `.env`."""

    environ: Mapping[str, str]
    file: Mapping[str, str]
    path: Path

    @classmethod
    def read(cls, environ: Mapping[str, str], folder: Path) -> "Values":
        """Read the environment and the `.env` file of a study's folder."""
        path = folder / ".env"
        return cls(environ, read_env(path), path)

    def get(self, name: str, default: str) -> str:
        """The value of PANELSTREAM_<name>; one that is empty counts as not set."""
        full = PREFIX + name
        return self.environ.get(full) or self.file.get(full) or default

    def where(self, name: str) -> str:
        """The setting's full name and where its value comes from, for a message."""
        full = PREFIX + name
        if self.environ.get(full):
            return f"{full} (set in the environment)"
        if self.file.get(full):
            return f"{full} (set in {self.path})"
        return f"{full} (not set: the default)"


@dataclass(frozen=True)
class Settings:
    """Where the study lies, where its warehouse is, and where its key is kept."""

    study: Path
    warehouse: str
    pseudonym_key_file: Path
    warehouse_port: int = 0
    warehouse_setting: str = f"{PREFIX}WAREHOUSE"
    cluster: str = ""

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str], study: Path | None = None
    ) -> "Settings":
        """Read what tells where things are: the study, its warehouse, its key.

        `study` (a command's option) wins over the environment, the environment
        over `.env` in the study's folder. Raises `FileError` for a line of `.env`
        that is not NAME=value, or a name that has no place there.
        """
        folder = study or Path(environ.get(f"{PREFIX}STUDY", "."))
        values = Values.read(environ, folder)
        default = f"chdb://{(folder / 'warehouse').resolve()}"
        key_file = values.get("PSEUDONYM_KEY_FILE", str(folder / "pseudonym.key"))
        return cls(
            folder,
            values.get("WAREHOUSE", default),
            Path(key_file),
            _port(values),
            values.where("WAREHOUSE"),
            values.get("CLUSTER", ""),
        )


def _port(values: Values) -> int:
    text = values.get("WAREHOUSE_PORT", "0")
    if not text.isdecimal() or int(text) > 65535:
        raise UsageError(
            f"{PREFIX}WAREHOUSE_PORT is not a port: 0 (a free one) to 65535"
        )
    return int(text)


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
