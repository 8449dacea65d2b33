"""The one error family. A `PanelstreamError` prints one line and sets an exit code."""

from collections.abc import Sequence
from pathlib import Path


class PanelstreamError(Exception):
    """Anything the reader of the message can act on; never shown as a traceback."""

    exit_code = 1


class UsageError(PanelstreamError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class FileError(PanelstreamError):
    """A file the user wrote is wrong: says which, where, and what to do."""

    exit_code = 3

    def __init__(self, path: Path | str, place: str, problem: str) -> None:
        self.path, self.place, self.problem = Path(path), place, problem
        where = f"{path}:{place}" if place else str(path)
        super().__init__(f"{printable(where)}: {problem}")


def join_file_errors(errors: Sequence[FileError], note: str = "") -> FileError:
    """Several as one, a line each; the note is added to the first."""
    first, *further = errors
    lines = [f"{first.problem}{note}", *map(str, further)]
    return FileError(first.path, first.place, "\n".join(lines))


def printable(text: str) -> str:
    """A text on one line: line ends, and what is no character, as Python writes them."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in text
    )


class PersonError(PanelstreamError):
    """What was said about an id of a person cannot be: says why, and what to do."""

    exit_code = 3


class SettingError(PanelstreamError):
    """A setting is wrong: says which, what is expected, and where it was set."""

    exit_code = 3


class InputRejected(PanelstreamError):
    """Some input was rejected and the caller asked for `--strict`."""

    exit_code = 4


class Incomplete(PanelstreamError):
    """Results are written, and something that was planned has no number."""

    exit_code = 6


class Unreachable(PanelstreamError):
    """A service (warehouse, broker) cannot be reached."""

    exit_code = 5
