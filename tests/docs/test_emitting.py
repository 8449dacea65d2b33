"""docs/how-to/emitting.md: its blocks send to a real collector; its tables are the code's."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from panelstream_emitter import Emitter
from panelstream_emitter.counts import NAMES

from tests.docs import documents
from tests.lib import collecting, parts, studies
from tests.lib.collecting import Running

TEXT = documents.read("docs/how-to/emitting.md")
PYTHON = [block.text for block in documents.blocks(TEXT, "python")]
FIRST, DJANGO, FASTAPI, HEARTBEATS, TESTING, BACK_FILL = PYTHON
LANGUAGES = {"javascript": ["node", "-e"], "ruby": ["ruby", "-e"]}

DJANGO_STANDS_IN = """
import __main__, sys, types
conf, signals = types.ModuleType("django.conf"), types.ModuleType("django.contrib.auth.signals")
class Settings:
    def __getattr__(self, name):
        return getattr(__main__, name)
class Signal:
    def connect(self, receiver):
        self.receiver = receiver
    def send(self, **words):
        self.receiver(sender=None, **words)
conf.settings, signals.user_logged_in = Settings(), Signal()
for name in ("django", "django.contrib", "django.contrib.auth"):
    sys.modules[name] = types.ModuleType(name)
sys.modules |= {"django.conf": conf, "django.contrib.auth.signals": signals}
"""
SIGN_IN = "user_logged_in.send(request=None, user=types.SimpleNamespace(pk=17))"
REACT = """
from fastapi.testclient import TestClient
with TestClient(app) as client:
    assert client.post("/stories/1/reactions?user=17&kind=like").status_code == 200
"""
BEAT = """
from panelstream_emitter import Emitter
with Emitter(url=COLLECTOR, token=TOKEN, source="u2plus.web", spool=SPOOL) as emitter:
    assert beat(emitter, 0) == 0
"""
SENT = {
    "django": [DJANGO_STANDS_IN, DJANGO, SIGN_IN],
    "fastapi": [FASTAPI, REACT],
    "heartbeats": [HEARTBEATS, BEAT],
    "back-fill": [BACK_FILL],
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A collector whose token may write `u2plus.web`."""
    study = studies.write(tmp_path_factory.mktemp("emitting") / "study", studies.BASE)
    env = collecting.environment(study)
    token = collecting.add_token(study, env, "u2plus.web")
    with collecting.collector(study, env, token) as made:
        yield made


def accepted(running: Running) -> int:
    """How many events the collector has accepted."""
    said = running.get("/metrics").body.decode()
    line = r'^panelstream_collector_events_total{.*outcome="accepted".*} (\d+)\.0$'
    return sum(map(int, re.findall(line, said, re.MULTILINE)))


def run(words: list[str], folder: Path, **env: str) -> str:
    """What a program printed, which must end well."""
    paths = os.pathsep.join(
        [str(documents.ROOT), str(documents.ROOT / "ingest/emitter")]
    )
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_block(tmp_path: Path) -> None:
    """With no Kafka anywhere: it ends, and the event waits in the spool."""
    spool = tmp_path / "spool"
    script = FIRST.replace("/var/spool/panelstream", str(spool))
    assert script != FIRST
    run([sys.executable, "-c", script.replace("kafka:9092", "127.0.0.1:9")], tmp_path)
    [segment] = [path for path in spool.glob("*.ndjson") if path.stat().st_size]
    assert b"u2plus.signed_in" in segment.read_bytes()


@pytest.mark.parametrize("name", SENT)
def test_python_blocks_that_send(running: Running, tmp_path: Path, name: str) -> None:
    """Each arrives, is accepted, and nothing stays in the spool."""
    places = {"COLLECTOR": running.url, "TOKEN": running.token}
    places["SPOOL"] = str(tmp_path / "spool")
    given = "\n".join(f"{key} = {places[key]!r}" for key in places)
    before = accepted(running)
    run([sys.executable, "-c", "\n".join([given, *SENT[name]])], tmp_path)
    assert accepted(running) == before + 1
    assert list((tmp_path / "spool").glob("*.ndjson")) == []


def test_the_recorder(tmp_path: Path) -> None:
    """Against the schemas that the command writes."""
    study = studies.write(tmp_path / "study", studies.BASE)
    words = ["catalogue", "schema", "--out", str(tmp_path / "schemas")]
    env = collecting.environment(study)
    collecting.command([*words, "--study", str(study)], env)
    run([sys.executable, "-c", TESTING], tmp_path)


def test_curl(running: Running, tmp_path: Path) -> None:
    """The answer is the one that the page shows."""
    parts.require("curl")
    [script] = documents.blocks(TEXT, "bash")
    [shown] = documents.blocks(TEXT, "json")
    place = {"COLLECTOR": running.url, "TOKEN": running.token}
    said = run(["bash", "-e", "-c", script.text], tmp_path, **place)
    assert json.loads(said) == json.loads(shown.text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_languages(running: Running, tmp_path: Path, language: str) -> None:
    """Where the language is on the machine."""
    program, option = LANGUAGES[language]
    if not shutil.which(program):
        pytest.skip(f"needs {program}")
    [script] = documents.blocks(TEXT, language)
    place = {"COLLECTOR": running.url, "TOKEN": running.token}
    before = accepted(running)
    run([program, option, script.text], tmp_path, **place)
    assert accepted(running) == before + 1


def test_php(running: Running, tmp_path: Path) -> None:
    """Where it is on the machine."""
    if not shutil.which("php"):
        pytest.skip("needs php")
    [script] = documents.blocks(TEXT, "php")
    file = tmp_path / "send.php"
    file.write_text(script.text)
    place = {"COLLECTOR": running.url, "TOKEN": running.token}
    assert '"accepted"' in run(["php", str(file)], tmp_path, **place)


def test_every_parameter_is_documented() -> None:
    """The table holds those of the constructor, with their defaults."""
    parameters = inspect.signature(Emitter).parameters
    assert documents.documented(TEXT, "Python") == list(parameters)
    assert parameters["spool_bytes"].default == 256 << 20
    assert parameters["topic"].default == "panelstream.events"
    assert parameters["mode"].default == "durable"


def test_counts_are_documented() -> None:
    """Every name that counts() gives."""
    assert all(f"`{name}`" in TEXT for name in (*NAMES, "waiting_bytes"))


def test_the_readme_shows_the_same_five_lines() -> None:
    """The distribution's own page and this one do not drift apart."""
    [block] = documents.blocks(documents.read("ingest/emitter/README.md"), "python")
    assert textwrap.dedent(block.text).splitlines()[:3] == FIRST.splitlines()[:3]
