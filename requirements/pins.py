"""Pins and distributions as values: what the files in this folder say.

A file of pins has pip's format: one requirement with its hashes, continued over
lines. `distributions.json` holds what the index knows of each pinned version: what it
requires, and the files that our environments install. It holds no address.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from requirements.environments import FOLDER, GROUPS

DISTRIBUTIONS = FOLDER / "distributions.json"
CONSTRAINTS = FOLDER / "constraints.txt"

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """A requirement exact to the version, with the hashes of the files to take."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        """The normalised name."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The pinned version."""
        [specifier] = self.requirement.specifier
        return specifier.version

    @property
    def key(self) -> str:
        """Name and version, as in `distributions.json`."""
        return f"{self.name}=={self.version}"

    def __str__(self) -> str:
        """As a file of pins has it."""
        hashes = (f"    --hash=sha256:{digest}" for digest in sorted(self.hashes))
        return " \\\n".join([str(self.requirement), *hashes])


@dataclass(frozen=True)
class Distribution:
    """A released version.

    `requires` are the `Requires-Dist` of its metadata; `files` are the wheels that our
    environments install, by name, each with its SHA-256 in hex.
    """

    requires_python: str
    requires: tuple[str, ...]
    files: Mapping[str, str]

    @cached_property
    def requirements(self) -> tuple[Requirement, ...]:
        """What it requires, each with its marker."""
        return tuple(map(Requirement, self.requires))


def parse_pins(text: str) -> list[Pin]:
    """The pins of a file's text, in order; `ValueError` for one without a version."""
    entries = text.replace("\\\n", " ").splitlines()
    return [
        _parse_pin(entry) for entry in entries if entry.strip() and entry[0] not in " #"
    ]


def _parse_pin(entry: str) -> Pin:
    requirement = Requirement(entry.partition("--hash=")[0].strip())
    if not re.fullmatch(r"==[^*,]+", str(requirement.specifier)):
        raise ValueError(f"{requirement}: not pinned to one version")
    return Pin(requirement, frozenset(_HASH.findall(entry)))


def read_pins() -> dict[str, list[Pin]]:
    """The pins of each group, without those of the groups before it."""
    files = {group: FOLDER / f"{group}.txt" for group in GROUPS}
    return {group: parse_pins(file.read_text("utf-8")) for group, file in files.items()}


def read_distributions() -> dict[str, Distribution]:
    """The pinned distributions by name and version."""
    content = json.loads(DISTRIBUTIONS.read_text("utf-8"))
    return {
        key: Distribution(
            entry["requires_python"], tuple(entry["requires"]), entry["files"]
        )
        for key, entry in content.items()
    }


def format_distributions(distributions: Mapping[str, Distribution]) -> str:
    """The text of `distributions.json`: a line a version, in an order that stays."""
    lines = (
        f"{json.dumps(key)}: {json.dumps(asdict(distributions[key]))}"
        for key in sorted(distributions)
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def format_constraints(pins: Iterable[Pin]) -> str:
    """The same versions for `pip install --constraint`, without hashes and extras."""
    head = "# Made by 'make pins': the versions panelstream is tested with, for pip's --constraint."
    markers = ((pin, pin.requirement.marker) for pin in pins)
    lines = [f"{pin.key}; {marker}" if marker else pin.key for pin, marker in markers]
    return "\n".join([head, *lines, ""])
