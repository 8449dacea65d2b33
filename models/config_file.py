"""Read a YAML file into a frozen value; answer a mistake with its line and a remedy.

The shape of a file is a pydantic model derived from `Frozen`. What a model
cannot know (do these names exist in the catalogue?) is checked by the caller,
who asks the `Document` for an error at a place in the file.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from panelstream.models.errors import FileError

Location = Sequence[str | int]
_SHOWN = 12


class Frozen(BaseModel):
    """A value read from a file: immutable, closed, with named near misses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        for key in value if isinstance(value, dict) else ():
            if key not in keys:
                raise PydanticCustomError(
                    "unknown_key",
                    "unknown key '{key}'; {remedy}",
                    {"key": str(key), "remedy": nearest(str(key), keys)},
                )
        return value


Value = TypeVar("Value", bound=Frozen)


@dataclass(frozen=True)
class Document(Generic[Value]):
    """A value together with the places it was read from."""

    path: Path
    text: str
    root: yaml.Node
    value: Value

    def error(self, location: Location, problem: str) -> FileError:
        """The mistake at `location` (keys and indexes from the root)."""
        return FileError(self.path, str(_line(self.root, location)), problem)


class NotFound(FileError):
    """No file of that name; the caller knows the place that names it."""


def nearest(word: str, choices: Sequence[str]) -> str:
    """The remedy for a word that is not known: the nearest one, or all of them."""
    close = get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    ellipsis = ", …" if len(choices) > _SHOWN else ""
    return f"known: {', '.join(choices[:_SHOWN])}{ellipsis}"


def locate_config(
    name: str, folder: Path, shipped: Path, text: str | None = None
) -> Path:
    """The file called `name`: a path inside `folder`, or a shipped one by its stem.

    It need not be there where its `text` was kept. Raises `NotFound`, with the nearest shipped name, where there is none.
    """
    own_path = folder / name
    path = (
        own_path if own_path.suffix in {".yaml", ".yml"} else shipped / f"{name}.yaml"
    )
    if text is None and not path.exists():
        shipped_names = sorted(file.stem for file in shipped.glob("*.yaml"))
        raise NotFound(path.name, "", f"no '{name}'; {nearest(name, shipped_names)}")
    return path


def read_config(
    path: Path, shape: type[Value], text: str | None = None
) -> Document[Value]:
    """Read and validate one file, or its `text` where that was kept.

    Raises `FileError` with file, line and remedy for a missing file, broken
    YAML, a repeated key, an unknown key or a value that does not fit.
    """
    text = _text(path) if text is None else text
    root = _compose(path, text)
    _refuse_repeated_keys(path, root)
    try:
        value = shape.model_validate(_construct(path, root))
    except ValidationError as error:
        raise _first_error(path, root, error.errors()[0]) from None
    return Document(path, text, root, value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileError(path, "", "no such file") from None
    except UnicodeDecodeError:
        raise FileError(path, "", "not UTF-8; save it as UTF-8") from None


class _Loader(yaml.SafeLoader):
    """Tells the place of a day that no calendar has."""

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:
            problem = f"there is no day or time '{node.value}'"
            raise yaml.MarkedYAMLError(
                problem=problem, problem_mark=node.start_mark
            ) from None


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def _construct(path: Path, root: yaml.Node) -> Any:
    try:
        return _Loader("").construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise _at_its_mark(path, str(error.problem), error) from None


def _compose(path: Path, text: str) -> yaml.Node:
    try:
        root = _parse(text)
    except yaml.MarkedYAMLError as error:
        problem = f"not YAML: {error.problem or error.context}"
        raise _at_its_mark(path, problem, error) from None
    if not isinstance(root, yaml.MappingNode):
        raise FileError(path, "1", "expected keys and values")
    return root


def _parse(text: str) -> yaml.Node | None:
    """The nodes of a text; libyaml is tenfold as quick, but mistakes are told as ever."""
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=yaml.CSafeLoader)
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _at_its_mark(path: Path, problem: str, error: yaml.MarkedYAMLError) -> FileError:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    return FileError(path, str(line), problem)


def _refuse_repeated_keys(path: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, child in node.value:
            if key.value in keys:
                line = str(key.start_mark.line + 1)
                raise FileError(path, line, f"duplicate key '{key.value}'")
            keys.add(key.value)
            _refuse_repeated_keys(path, child)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(path, child)


def _first_error(path: Path, root: yaml.Node, error: ErrorDetails) -> FileError:
    location, context = list(error["loc"]), error.get("ctx", {})
    if error["type"] == "unknown_key":
        return FileError(
            path, str(_line(root, [*location, context["key"]])), error["msg"]
        )
    return FileError(path, str(_line(root, location)), _problem(error, context))


def _problem(error: ErrorDetails, context: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"'{name}' is missing"
    if error["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        return f"'{error['input']}' is not a {name}; {nearest(str(error['input']), choices)}"
    if error["input"] is None:
        return f"'{name}' has no value; write it after the colon, a text with a comma in quotes"
    return f"{name}: {error['msg'].removeprefix('Value error, ')}"


def _line(node: yaml.Node, location: Location) -> int:
    """1-based line of the deepest part of `location` that the file has."""
    line = node.start_mark.line + 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            matches = [(k, v) for k, v in node.value if k.value == str(part)]
            if not matches:
                continue
            line, node = matches[0][0].start_mark.line + 1, matches[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[min(part, len(node.value) - 1)]
            line = node.start_mark.line + 1
    return line
