"""Whether the pins are complete, offline: `python -m requirements.check`.

pip installs the pins without resolving (`--no-deps`), so the files must hold every
package that resolving would bring, in every environment they are made for. That is
decided here from the metadata in `distributions.json`: every requirement of the
project and of every pin, with its extras and markers, is satisfied by a pin of that
environment, and every pin names exactly the files that its environments install.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

from requirements.environments import FOLDER, GLIBC, GROUPS, MACOS, PYTHONS, SYSTEMS
from requirements.pins import (
    CONSTRAINTS,
    Distribution,
    Pin,
    format_constraints,
    read_distributions,
    read_pins,
)

PATCHES = (0, 99)
"""The first patch of a Python and one after all others: some markers tell them apart."""

Project = Mapping[str, Any]
"""The content of pyproject.toml."""


@dataclass(frozen=True)
class Environment:
    """A Python on a system, for which markers and tags of wheels are decided."""

    python: str
    patch: int
    system: str
    machine: str

    def __str__(self) -> str:
        """As a problem names it."""
        return f"Python {self.python} on {self.system} {self.machine}"

    def needs(self, requirement: Requirement, extras: Iterable[str] = ()) -> bool:
        """Whether a requirement applies here, of a package taken with these extras."""
        marker = requirement.marker
        return marker is None or any(
            marker.evaluate({**self._names, "extra": extra}) for extra in ("", *extras)
        )

    @cached_property
    def _names(self) -> dict[str, str]:
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.{self.patch}",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": self.system.capitalize(),
            "platform_version": "",
            "python_full_version": f"{self.python}.{self.patch}",
            "python_version": self.python,
            "sys_platform": self.system,
        }

    @cached_property
    def platforms(self) -> tuple[str, ...]:
        """The platform tags of wheels, the best first."""
        if self.system == "darwin":
            return tuple(mac_platforms(MACOS, self.machine))
        numbers = [f"{GLIBC[0]}_{minor}" for minor in range(GLIBC[1], 4, -1)]
        return tuple(f"manylinux_{n}_{self.machine}" for n in numbers) + tuple(
            f"{name}_{self.machine}"
            for name in ("manylinux2014", "manylinux1", "linux")
        )

    @cached_property
    def tags(self) -> frozenset[Tag]:
        """The tags of the wheels that can be installed here."""
        major, minor = map(int, self.python.split("."))
        native = cpython_tags((major, minor), platforms=self.platforms)
        portable = compatible_tags((major, minor), f"cp{major}{minor}", self.platforms)
        return frozenset([*native, *portable])

    def wheels(self, files: Mapping[str, str]) -> dict[str, str]:
        """Those of a distribution's files that can be installed here."""
        return {
            name: digest
            for name, digest in files.items()
            if not self.tags.isdisjoint(parse_wheel_filename(name)[3])
        }


ENVIRONMENTS = tuple(
    Environment(python, patch, system, machine)
    for python in PYTHONS
    for patch in PATCHES
    for system, machine in SYSTEMS
)
"""Every environment that the pins are made for."""


def read_project() -> Project:
    """The repository's pyproject.toml."""
    return tomllib.loads((FOLDER.parent / "pyproject.toml").read_text("utf-8"))


def roots(project: Project, group: str) -> list[Requirement]:
    """What pyproject.toml itself asks for in a group, without the groups before it."""
    lines = {
        "run": project["project"]["dependencies"],
        "build": project["build-system"]["requires"],
    }.get(group, [])
    further = project["dependency-groups"].get(group, [])
    return [Requirement(line) for line in [*lines, *further]]


def requirements_of(
    pins: Iterable[Pin],
    distributions: Mapping[str, Distribution],
    environment: Environment,
) -> Iterator[tuple[str, Requirement]]:
    """What pins require in one environment, each with the pin that requires it."""
    for pin in pins:
        distribution = distributions.get(pin.key)
        for requirement in distribution.requirements if distribution else ():
            if environment.needs(requirement, pin.requirement.extras):
                yield pin.key, requirement


def gaps(
    project_requirements: Sequence[Requirement],
    pins: Sequence[Pin],
    distributions: Mapping[str, Distribution],
    environment: Environment,
) -> Iterator[str]:
    """Each requirement that the pins do not satisfy in one environment."""
    active = [pin for pin in pins if environment.needs(pin.requirement)]
    by_name = {pin.name: pin for pin in active}
    for pin in active:
        if by_name[pin.name] is not pin:
            yield f"{pin.name} is pinned twice for {environment}"
    needs = [
        ("pyproject.toml", r) for r in project_requirements if environment.needs(r)
    ]
    for source, need in [*needs, *requirements_of(active, distributions, environment)]:
        gap = _gap(need, by_name.get(canonicalize_name(need.name)))
        if gap:
            yield f"{source} requires {need}: {gap} ({environment})"


def _gap(requirement: Requirement, pin: Pin | None) -> str:
    """What a requirement lacks in the pin of its name; empty if nothing."""
    if pin is None:
        return "there is no pin"
    if not requirement.specifier.contains(pin.version, prereleases=True):
        return f"the pin is {pin.version}"
    extras = requirement.extras - pin.requirement.extras
    return f"the pin lacks the extra {', '.join(sorted(extras))}" if extras else ""


def file_problems(pin: Pin, distribution: Distribution | None) -> Iterator[str]:
    """What is wrong with a pin's hashes, beside the files of its distribution."""
    if distribution is None:
        yield f"{pin.key} is not in distributions.json"
        return
    if pin.hashes != frozenset(distribution.files.values()):
        yield f"{pin.key}: its hashes are not those of distributions.json"
    for environment in filter(lambda e: e.needs(pin.requirement), ENVIRONMENTS):
        if not environment.wheels(distribution.files):
            yield f"{pin.key} has no wheel for {environment}"
        version = f"{environment.python}.{environment.patch}"
        if version not in SpecifierSet(distribution.requires_python):
            yield f"{pin.key} needs Python {distribution.requires_python}"


def problems(
    project: Project,
    pins: Mapping[str, Sequence[Pin]],
    distributions: Mapping[str, Distribution],
) -> Iterator[str]:
    """All that is wrong with the pins of the groups."""
    project_requirements: list[Requirement] = []
    cumulative: list[Pin] = []
    for group in GROUPS:
        project_requirements += roots(project, group)
        cumulative += pins[group]
        for environment in ENVIRONMENTS:
            yield from gaps(
                project_requirements, cumulative, distributions, environment
            )
        for pin in pins[group]:
            yield from file_problems(pin, distributions.get(pin.key))


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    pins = read_pins()
    lines = list(dict.fromkeys(problems(read_project(), pins, read_distributions())))
    if CONSTRAINTS.read_text("utf-8") != format_constraints(pins["run"]):
        lines.append(f"{CONSTRAINTS.name} does not say what run.txt says")
    for line in lines:
        sys.stdout.write(f"requirements: {line}\n")
    if lines:
        sys.stdout.write("requirements: 'make pins' makes the files again\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
