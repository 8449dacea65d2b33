"""A setting is declared once: its name, what it may be, its default and its description."""

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from panelstream.models.errors import FileError, SettingError

PREFIX = "PANELSTREAM_"
ENV_FILE = ".env"

EVERY_COMMAND = "every command"
KAFKA_COMMANDS = (
    "`worker`, `collector`, `topics`, `dead-letters replay`, `demo --through kafka`"
)

T = TypeVar("T")

_OF_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT\w*)$|_PORT_\d+_(TCP|UDP)\w*$")
_ADDRESS = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")


@dataclass(frozen=True)
class Format(Generic[T]):
    """What the text of a setting may be, in words, and its parser.

    `parse` raises `ValueError` for a text that has another format.
    """

    expected: str
    parse: Callable[[str], T]


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One setting, the variable `PANELSTREAM_<name>`.

    `default` is the text that counts where nothing is set; in it `{study}` is the study
    folder and `{absolute_study}` its absolute path. `meaning` and `read_by`, the commands
    that read it, are Markdown for a cell of a table; `example` is a valid value.
    """

    name: str
    format: Format[T]
    default: str
    meaning: str
    example: str
    read_by: str

    @property
    def variable(self) -> str:
        """The name in the environment and in `.env`."""
        return PREFIX + self.name

    def default_in(self, study: Path) -> str:
        """The default for a study folder."""
        return self.default.format(study=study, absolute_study=study.resolve())


@dataclass(frozen=True)
class Entry:
    """The text of a setting, and where it was set, for a message."""

    text: str
    source: str


@dataclass(frozen=True)
class Environment:
    """What is set for a study, by variable: in the environment, else in its `.env`."""

    entries: Mapping[str, Entry]
    study: Path

    @classmethod
    def read(
        cls, environ: Mapping[str, str], study: Path, variables: Collection[str]
    ) -> "Environment":
        """Read both; a variable that is empty counts as not set.

        Raises `FileError` for a line of `.env` that sets none of `variables`.
        """
        entries = read_env_file(study / ENV_FILE, variables)
        for variable in variables:
            if environ.get(variable):
                entries[variable] = Entry(environ[variable], "the environment")
        return cls(
            {name: entry for name, entry in entries.items() if entry.text}, study
        )

    def get(self, setting: Setting[T]) -> T:
        """The value of a setting. Raises `SettingError` for one of another format."""
        entry = self.entries.get(setting.variable)
        text = entry.text if entry else setting.default_in(self.study)
        try:
            return setting.format.parse(text)
        except ValueError:
            raise self.error(setting, setting.format.expected) from None

    def is_set(self, setting: Setting[T]) -> bool:
        """Whether a value is set, be it the default."""
        return setting.variable in self.entries

    def where(self, setting: Setting[T]) -> str:
        """The variable and where it was set, for a message."""
        entry = self.entries.get(setting.variable)
        source = f"set in {entry.source}" if entry else "not set: the default"
        return f"{setting.variable} ({source})"

    def error(self, setting: Setting[T], expected: str) -> SettingError:
        """The error for a wrong value; it never quotes it, as it may be a password."""
        entry = self.entries.get(setting.variable)
        if entry:
            return SettingError(
                f"{setting.variable}: invalid value; expected {expected}; "
                f"check {entry.source}"
            )
        return SettingError(
            f"{setting.variable}: not set; expected {expected}; "
            f"set it in the environment or in {self.study / ENV_FILE}"
        )


def read_env_file(path: Path, variables: Collection[str]) -> dict[str, Entry]:
    """The settings of a `.env` file; empty where there is none.

    Raises `FileError` for a line that sets none of `variables`.
    """
    if not path.is_file():
        return {}
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return dict(
        _parse_line(path, number, line, variables)
        for number, line in lines
        if line.strip() and not line.lstrip().startswith("#")
    )


def _parse_line(
    path: Path, number: int, line: str, variables: Collection[str]
) -> tuple[str, Entry]:
    name, equals, value = line.partition("=")
    if not equals or name.strip() not in variables:
        nearest = _nearest(name.strip(), variables) if equals else ""
        raise FileError(
            path, str(number), f"not a setting{nearest}; known: {', '.join(variables)}"
        )
    return name.strip(), Entry(value.strip().strip("'\""), f"{path} line {number}")


def refuse_unknown(environ: Mapping[str, str], variables: Collection[str]) -> None:
    """Raise `SettingError` for a variable of ours that is none of `variables`.

    It can only be a mistake, and would be without effect. What Kubernetes sets for a
    service whose name begins with ours is not meant.
    """
    for name, value in environ.items():
        if (
            name.upper().startswith(PREFIX)
            and name not in variables
            and not _OF_KUBERNETES.search(name)
            and not value.startswith(("tcp://", "udp://"))
        ):
            raise SettingError(
                f"{name}: not a setting{_nearest(name, variables)}; correct it in the "
                f"environment, or unset it"
            )


def _nearest(name: str, variables: Collection[str]) -> str:
    """The name that is probably meant, for a message; empty if none is near."""
    near = difflib.get_close_matches(name.upper(), variables, n=1, cutoff=0.8)
    return f" (is {near[0]} meant?)" if near else ""


def matching(pattern: str, expected: str) -> Format[str]:
    """A text that a regular expression matches as a whole."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return Format(expected, parse)


def choice(*choices: str) -> Format[str]:
    """One of several words."""
    return matching("|".join(map(re.escape, choices)), ", ".join(choices))


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ValueError
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise ValueError
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not 0 < float(text) <= 3600:
        raise ValueError
    return float(text)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not _ADDRESS.fullmatch(text) or int(port) > 65535:
        raise ValueError
    return host.strip("[]"), int(port)


def _addresses(text: str) -> tuple[str, ...]:
    addresses = tuple(address.strip() for address in text.split(","))
    for address in addresses:
        _address(address)
    return addresses


TEXT = matching(r"[^\x00-\x1f]*", "text without control characters")
GROUP_NAME = matching(r"\S{1,200}", "a name without blanks")
NAME = matching(r"[A-Za-z0-9._-]{1,200}", "letters, digits, '.', '_' and '-'")
WHOLE_NUMBER = Format("a whole number from 1", _whole_number)
PORT = Format("a port: 0 (a free one) to 65535", _port)
SECONDS = Format("seconds, above 0 and up to 3600", _seconds)
ADDRESS = Format("host:port", _address)
ADDRESSES = Format("host:port, several separated by commas", _addresses)
PATH = Format("a path", Path)
OPTIONAL_PATH = Format("a path", lambda text: Path(text) if text else None)
