"""Pins are complete: what resolving would bring is there, and a gap is named."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from requirements import check
from requirements.check import ENVIRONMENTS, Environment
from requirements.environments import FOLDER, GROUPS
from requirements.pins import (
    Distribution,
    Pin,
    parse_pins,
    read_distributions,
    read_pins,
)

LINUX = Environment("3.11", 0, "linux", "x86_64")
WHEEL = {"a-1.0-py3-none-any.whl": "0" * 64}


def pin(line: str) -> Pin:
    """A pin with the hash of `WHEEL`."""
    return Pin(Requirement(line), frozenset(WHEEL.values()))


def distributions(**requires: list[str]) -> dict[str, Distribution]:
    """Versions 1.0 of packages, with what they require."""
    return {
        f"{name}==1.0": Distribution(">=3.9", tuple(lines), WHEEL)
        for name, lines in requires.items()
    }


def gaps(
    pins: list[Pin], place: Environment = LINUX, **requires: list[str]
) -> list[str]:
    """What pins lack in one environment for a project that asks for `a`."""
    return list(check.gaps([Requirement("a")], pins, distributions(**requires), place))


def test_the_committed_pins_are_complete() -> None:
    """The files as they stand leave nothing to be resolved."""
    assert not list(
        check.problems(check.read_project(), read_pins(), read_distributions())
    )


def test_every_pin_is_required() -> None:
    """So taking any one out leaves a gap; and nothing is installed for nobody."""
    pins = [pin for group in read_pins().values() for pin in group]
    project = check.read_project()
    names = {r.name for group in GROUPS for r in check.roots(project, group)}
    for place in ENVIRONMENTS:
        active = [pin for pin in pins if place.needs(pin.requirement)]
        needs = check.requirements_of(active, read_distributions(), place)
        names |= {requirement.name for _, requirement in needs}
    assert {pin.name for pin in pins} == set(map(canonicalize_name, names))


def test_metadata_is_that_of_the_installed_packages() -> None:
    """What the file says of a version is what the version itself says."""
    recorded = read_distributions()
    compared = 0
    for installed in metadata.distributions():
        key = f"{canonicalize_name(installed.name)}=={installed.version}"
        if key in recorded:
            requires = set(map(Requirement, installed.requires or []))
            assert set(recorded[key].requirements) == requires, key
            compared += 1
    assert compared > 150


def test_an_extra_without_a_pin_of_its_own() -> None:
    """What stopped every installation once: `coverage[toml]` required, `coverage` pinned."""
    pins = [pin("a==1.0"), pin("coverage==1.0")]
    requires = {"a": ["coverage[toml]>=1.0"], "coverage": ['tomli; extra == "toml"']}
    assert gaps(pins, LINUX, **requires) == [
        "a==1.0 requires coverage[toml]>=1.0: the pin lacks the extra toml"
        " (Python 3.11 on linux x86_64)"
    ]
    pins[1] = pin("coverage[toml]==1.0")
    assert gaps(pins, LINUX, **requires) == [
        'coverage==1.0 requires tomli; extra == "toml": there is no pin'
        " (Python 3.11 on linux x86_64)"
    ]
    assert not gaps([*pins, pin("tomli==1.0")], LINUX, tomli=[], **requires)


def test_a_version_that_does_not_fit() -> None:
    """A pin below what is required is named with its version."""
    [problem] = gaps([pin("a==1.0"), pin("b==1.0")], a=["b>=2"], b=[])
    assert problem.startswith("a==1.0 requires b>=2: the pin is 1.0")


@pytest.mark.parametrize(
    ("marker", "places"),
    [
        ('python_version < "3.12"', 4),
        ('python_full_version < "3.11.3"', 2),
        ('sys_platform == "darwin" and platform_machine == "arm64"', 8),
        ('platform_python_implementation == "PyPy"', 0),
        ('sys_platform == "win32"', 0),
    ],
)
def test_markers_are_decided_for_each_environment(marker: str, places: int) -> None:
    """A requirement counts where its marker holds: 4 Pythons, 2 patches, 2 systems."""
    pins = [pin("a==1.0")]
    result = [e for e in ENVIRONMENTS if gaps(pins, e, a=[f"b; {marker}"])]
    assert len(result) == places


def test_two_pins_of_one_name_in_one_environment() -> None:
    """Two versions are right only where their markers part them."""
    ranges = [
        pin('a==1.0; python_version < "3.12"'),
        pin('a==2.0; python_version >= "3.12"'),
    ]
    assert not gaps(ranges, a=[])
    assert gaps([*ranges, pin("a==3.0")], a=[])[0].startswith("a is pinned twice")


@pytest.mark.parametrize(
    ("file", "python", "problem"),
    [
        ("a-1.0-py3-none-any.whl", ">=3.9", None),
        (
            "a-1.0-cp39-abi3-manylinux_2_17_x86_64.whl",
            ">=3.9",
            "no wheel for Python 3.11 on darwin",
        ),
        (
            "a-1.0-cp311-cp311-win_amd64.whl",
            ">=3.9",
            "no wheel for Python 3.11 on linux",
        ),
        ("a-1.0-py3-none-any.whl", ">=3.12", "needs Python >=3.12"),
    ],
)
def test_every_environment_finds_a_wheel(
    file: str, python: str, problem: str | None
) -> None:
    """A version without a wheel would have to be compiled, or not installed at all."""
    distribution = Distribution(python, (), {file: "0" * 64})
    lines = list(check.file_problems(pin("a==1.0"), distribution))
    assert bool(lines) == bool(problem)
    assert not problem or problem in lines[0]


def damaged(text: str, damage: str) -> str:
    """The text of a file of pins with one thing taken out."""
    if damage == "pin":
        return re.sub(r"^pytest-cov==.*\n(    .*\n)+", "", text, flags=re.MULTILINE)
    if damage == "extra":
        return text.replace("coverage[toml]==", "coverage==")
    return re.sub(
        r"(?<=^coverage\[toml\]).*\n    --hash.*\n",
        "==7.17.3 \\\\\n",
        text,
        flags=re.MULTILINE,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the check reads."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(FOLDER, tmp_path / "requirements", ignore=ignored)
    shutil.copy(FOLDER.parent / "pyproject.toml", tmp_path)
    return tmp_path


def run(checkout: Path) -> tuple[int, str]:
    """The check as `make check` runs it."""
    command = [sys.executable, "-m", "requirements.check"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("pin", "pyproject.toml requires pytest-cov: there is no pin"),
        ("extra", "requires coverage[toml]>="),
        ("hash", "coverage==7.17.3: its hashes are not those of distributions.json"),
    ],
)
def test_check_fails_for_one_thing_taken_out(
    checkout: Path, damage: str, problem: str
) -> None:
    """One pin, one extra or one hash less: exit code 1, what is missing, and what to do."""
    file = checkout / "requirements" / "dev.txt"
    text = file.read_text()
    file.write_text(damaged(text, damage))
    assert file.read_text() != text
    code, output = run(checkout)
    assert code == 1
    assert problem in output
    assert "'make pins' makes the files again" in output


def test_constraints_that_are_not_the_pins(checkout: Path) -> None:
    """Files as they are pass; constraints of an earlier day are noticed."""
    assert run(checkout) == (0, "")
    path = checkout / "requirements" / "constraints.txt"
    path.write_text(path.read_text().replace("anyio==", "anyio==0."))
    assert "constraints.txt does not say what run.txt says" in run(checkout)[1]


def addresses(text: str) -> Iterator[str]:
    """Whatever looks like an address."""
    yield from re.findall(r"\w+://\S+|--(?:extra-)?index-url.*|--find-links.*", text)


def test_no_file_holds_an_address() -> None:
    """Pins say what to install, never from where."""
    for file in [*FOLDER.glob("*.txt"), FOLDER / "distributions.json"]:
        assert not list(addresses(file.read_text()))


def test_a_requirement_without_a_version_is_no_pin() -> None:
    """Such a line is refused where it is read."""
    for line in ("a", "a>=1", "a==1.*"):
        with pytest.raises(ValueError, match="not pinned"):
            parse_pins(f"{line} \\\n    --hash=sha256:{'0' * 64}\n")
