"""What the wheels hold and say of themselves; CI installs them and makes the demo."""

import email
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import panelstream_emitter
import pytest
from packaging.requirements import Requirement

import panelstream

ROOT = Path(__file__).parents[2]
EMITTER = ROOT / "ingest" / "emitter"
HOME = "https://github.com/panelstream/panelstream"


@dataclass(frozen=True)
class Wheel:
    """A wheel's metadata, its scripts, and the names of its files."""

    metadata: Message
    names: frozenset[str]
    licence: str

    @property
    def modules(self) -> set[str]:
        """The files that are not about the wheel itself."""
        return {name for name in self.names if ".dist-info/" not in name}


def build(project: Path, folder: Path) -> Wheel:
    """Build a project's wheel as `make wheel` does, and read it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*command, "--directory", str(folder)], cwd=project, check=True)
    [path] = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        [licence] = [name for name in names if name.endswith("/licenses/LICENSE")]
        message = email.message_from_bytes(archive.read(metadata))
        return Wheel(message, frozenset(names), archive.read(licence).decode())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    """The wheel of panelstream."""
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def emitter(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    """The wheel of the emitter."""
    return build(EMITTER, tmp_path_factory.mktemp("emitter"))


def files(folder: str) -> set[str]:
    """What the repository has there, links followed, without what Python leaves."""
    return {
        (Path(place) / name).relative_to(ROOT).as_posix()
        for place, _, names in os.walk(ROOT / folder, followlinks=True)
        for name in names
        if "__pycache__" not in Path(place).parts
    }


def test_the_wheel_holds_the_packages_whole(wheel: Wheel) -> None:
    """Every module, query, catalogue and template, with the types; no test, no emitter."""
    emitter = "panelstream/ingest/emitter/"
    expected = {n for n in files("panelstream") if not n.startswith(emitter)}
    assert wheel.modules == expected
    assert "panelstream/py.typed" in wheel.names
    assert {name.split("/")[0] for name in wheel.modules} == {"panelstream"}


def test_the_emitters_wheel_holds_its_package(emitter: Wheel) -> None:
    """The package with its types and nothing else."""
    expected = files("ingest/emitter/panelstream_emitter")
    assert emitter.modules == {n.removeprefix("ingest/emitter/") for n in expected}
    assert "panelstream_emitter/py.typed" in emitter.names


def test_versions_are_those_of_the_packages(wheel: Wheel, emitter: Wheel) -> None:
    """A program can ask the package what the wheel says."""
    assert wheel.metadata["Version"] == panelstream.__version__
    assert emitter.metadata["Version"] == panelstream_emitter.__version__


def test_who_may_use_them(wheel: Wheel, emitter: Wheel) -> None:
    """Licence inside, as the repository's; which Pythons."""
    for built in (wheel, emitter):
        assert built.licence == (ROOT / "LICENSE").read_text("utf-8")
        assert built.metadata["License-Expression"] == "MIT"
    assert wheel.metadata["Requires-Python"] == ">=3.11"
    assert emitter.metadata["Requires-Python"] == ">=3.9"


def test_the_description_can_be_read_elsewhere(wheel: Wheel, emitter: Wheel) -> None:
    """Every link of the README is absolute, at the address that the metadata gives."""
    for built in (wheel, emitter):
        links = re.findall(r"\]\(([^)\s]+)\)", str(built.metadata.get_payload()))
        assert len(links) > 1
        for link in links:
            path = link.removeprefix(f"{HOME}/blob/main/").partition("#")[0]
            assert link.startswith("https://")
            assert not link.startswith(HOME) or (ROOT / path).exists(), link
        urls = built.metadata.get_all("Project-URL", [])
        assert f"Homepage, {HOME}" in urls


def test_dependencies_are_bounded(wheel: Wheel, emitter: Wheel) -> None:
    """From what was tested up to what may break; only time zones are best when newest."""
    for built in (wheel, emitter):
        requirements = map(Requirement, built.metadata.get_all("Requires-Dist", []))
        for requirement in requirements:
            operators = {entry.operator for entry in requirement.specifier}
            expected = set() if requirement.name == "tzdata" else {">=", "<"}
            assert operators == expected, requirement
    assert not wheel.metadata.get_all("Provides-Extra")
    [need] = emitter.metadata.get_all("Requires-Dist", [])
    assert Requirement(need).name == "kafka-python"
