"""Makes the files of pins again: `make pins` (`python -m requirements.renew`).

uv resolves all groups together, for every environment at once; then pip reads the
metadata of each version, as it would before installing. A version that still fits stays
as it is, unless its name is given, or `all`. Needs uv and the package index; writes no
address of an index.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from requirements.check import (
    ENVIRONMENTS,
    Environment,
    Project,
    read_project,
    requirements_of,
    roots,
)
from requirements.environments import FOLDER, GROUPS, PYTHONS
from requirements.pins import (
    CONSTRAINTS,
    DISTRIBUTIONS,
    Distribution,
    Pin,
    format_constraints,
    format_distributions,
    parse_pins,
    read_pins,
)

PURPOSES = {
    "run": "what panelstream runs with",
    "build": "what puts the command into an environment, and builds the wheel",
    "dev": "what tests and checks need besides",
    "bench": "rivals that 'make bench' measures against",
}

Files = Mapping[str, Mapping[str, str]]
"""By name and version: the wheels of a version, by file name, with their SHA-256."""


def resolve(
    requirements: Iterable[Requirement], preferences: Iterable[Pin], options: list[str]
) -> tuple[list[Pin], Files]:
    """Pins that satisfy all requirements, and the files there are of each version.

    `preferences` are taken where they still fit; `options` are further ones of uv.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "requirements.in").write_text("\n".join(map(str, requirements)))
        (folder / "pins.txt").write_text("\n".join(map(str, preferences)))
        _compile(folder, "pins.txt", "--generate-hashes", "--no-strip-extras", *options)
        pins = parse_pins((folder / "pins.txt").read_text())
        (folder / "constraints.txt").write_text(format_constraints(pins))
        _compile(folder, "pylock.toml", "--constraint", "constraints.txt")
        packages = tomllib.loads((folder / "pylock.toml").read_text())["packages"]
    files = {_key(package): _wheels(package) for package in packages}
    return list(filter(_has_a_place, pins)), files


def _has_a_place(pin: Pin) -> bool:
    return any(environment.needs(pin.requirement) for environment in ENVIRONMENTS)


def _compile(folder: Path, output: str, *options: str) -> None:
    """One run of uv in a folder of its own, where no project's settings apply."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config"),
        *("--universal", "--python-version", PYTHONS[0], "--no-header"),
        *("--no-annotate", "requirements.in", "--output-file", output, *options),
    ]
    subprocess.run(command, cwd=folder, check=True)


def _key(package: Mapping[str, Any]) -> str:
    return f"{canonicalize_name(package['name'])}=={package['version']}"


def _wheels(package: Mapping[str, Any]) -> dict[str, str]:
    return {
        wheel.get("name") or wheel["url"].rsplit("/", 1)[1]: wheel["hashes"]["sha256"]
        for wheel in package.get("wheels", [])
    }


def select_files(pins: Iterable[Pin], files: Files) -> dict[str, dict[str, str]]:
    """Of each version the wheels that some environment installs."""
    selection: dict[str, dict[str, str]] = {}
    for pin in pins:
        for environment in ENVIRONMENTS:
            if environment.needs(pin.requirement):
                wheels = environment.wheels(files[pin.key])
                selection.setdefault(pin.key, {}).update(wheels)
    return {key: dict(sorted(wheels.items())) for key, wheels in selection.items()}


def read_metadata(pins: Sequence[Pin], files: Files) -> dict[str, Distribution]:
    """The metadata of every version; pip reads it in an environment that installs it."""
    distributions: dict[str, Distribution] = {}
    for environment in ENVIRONMENTS:
        unread = [
            pin
            for pin in pins
            if pin.key not in distributions and environment.needs(pin.requirement)
        ]
        for metadata in _report(unread, environment) if unread else ():
            key = _key(metadata)
            distributions[key] = Distribution(
                metadata.get("requires_python", ""),
                tuple(metadata.get("requires_dist", ())),
                files[key],
            )
    return distributions


def _report(
    pins: Sequence[Pin], environment: Environment
) -> Iterator[Mapping[str, Any]]:
    """What pip would install of these pins: the metadata of each."""
    sys.stderr.write(f"metadata of {len(pins)} packages, {environment}\n")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "pins.txt"
        plain = [replace(pin, requirement=Requirement(pin.key)) for pin in pins]
        file.write_text("\n".join(map(str, plain)))
        command = [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"),
            *("--ignore-installed", "--no-deps", "--require-hashes", "--report", "-"),
            *("--only-binary", ":all:", "--implementation", "cp"),
            *("--python-version", environment.python, "--target", name),
            *(f"--platform={platform}" for platform in environment.platforms),
            *("-r", str(file)),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    yield from (entry["metadata"] for entry in json.loads(done.stdout)["install"])


def closure(
    requirements: Iterable[Requirement],
    pins: Sequence[Pin],
    distributions: Mapping[str, Distribution],
) -> set[str]:
    """The names of all that requirements bring, directly or not, in any environment."""
    names: set[str] = set()
    for environment in ENVIRONMENTS:
        active = {p.name: p for p in pins if environment.needs(p.requirement)}
        queue = [r for r in requirements if environment.needs(r)]
        reached: set[str] = set()
        while queue:
            name = canonicalize_name(queue.pop().name)
            if name not in reached:
                reached.add(name)
                further = requirements_of([active[name]], distributions, environment)
                queue += [requirement for _, requirement in further]
        names |= reached
    return names


def group_pins(
    project: Project, pins: Sequence[Pin], distributions: Mapping[str, Distribution]
) -> dict[str, list[Pin]]:
    """Each pin in the first group that needs it."""
    groups: dict[str, list[Pin]] = {}
    requirements: list[Requirement] = []
    rest = list(pins)
    for group in GROUPS:
        requirements += roots(project, group)
        names = closure(requirements, pins, distributions)
        groups[group] = [pin for pin in rest if pin.name in names]
        rest = [pin for pin in rest if pin.name not in names]
    return groups


def write(groups: Mapping[str, Iterable[Pin]]) -> None:
    """Write the file of each group, and the constraints."""
    for group, pins in groups.items():
        head = f"# Made by 'make pins': {PURPOSES[group]}."
        text = "\n".join([head, *map(str, pins), ""])
        (FOLDER / f"{group}.txt").write_text(text, "utf-8")
    CONSTRAINTS.write_text(format_constraints(groups["run"]), "utf-8")


def main(upgrades: Sequence[str]) -> None:
    """Resolve, read the metadata, and write the files of this folder."""
    options = ["--upgrade" if name == "all" else f"-P{name}" for name in upgrades]
    project = read_project()
    requirements = [r for group in GROUPS for r in roots(project, group)]
    preferences = [pin for pins in read_pins().values() for pin in pins]
    pins, files = resolve(requirements, preferences, options)
    selection = select_files(pins, files)
    pins = [replace(p, hashes=frozenset(selection[p.key].values())) for p in pins]
    distributions = read_metadata(pins, selection)
    DISTRIBUTIONS.write_text(format_distributions(distributions), "utf-8")
    write(group_pins(project, pins, distributions))


if __name__ == "__main__":
    main(sys.argv[1:])
