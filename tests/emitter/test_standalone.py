"""The emitter is a distribution of its own: what it needs, and where it runs."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from panelstream_emitter.schemas import Schemas
from panelstream_emitter.trouble import InvalidEvent, Misconfigured

from panelstream.flows import cli
from tests.lib import studies
from tests.lib.emitting import ROOT

EMITTER = ROOT / "ingest/emitter"
MODULES = sorted((EMITTER / "panelstream_emitter").glob("*.py"))
OLDEST = (3, 9)


@pytest.mark.parametrize("module", MODULES, ids=[entry.stem for entry in MODULES])
def test_needs_kafka_python_and_the_standard_library(module: Path) -> None:
    """No import of anything else, and grammar of the oldest Python promised."""
    tree = ast.parse(module.read_text(), feature_version=OLDEST)
    allowed = {*sys.stdlib_module_names, "kafka", "panelstream_emitter"}
    assert set(_imported(tree)) <= allowed


def test_import_is_cheap() -> None:
    """No Kafka, no HTTP, no thread until an emitter is made."""
    script = "import panelstream_emitter, sys, threading; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; assert threading.active_count() == 1"],
        env={**os.environ, "PYTHONPATH": str(EMITTER)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"kafka", "http.client", "ssl", "asyncio"} & set(done.stdout.split())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `panelstream catalogue schema` writes of a study."""
    folder = tmp_path_factory.mktemp("compiled")
    study = studies.write(folder / "study", studies.BASE)
    out = str(folder / "out")
    cli.app(
        ["catalogue", "schema", "--out", out, "--study", str(study)],
        standalone_mode=False,
    )
    return folder / "out"


BASE = {
    "specversion": "1.0",
    "id": "e1",
    "source": "u2plus.web",
    "type": "u2plus.reaction_given",
    "time": "2026-01-01T00:00:00.000000+00:00",
    "subject": "ann",
    "data": {"kind": "like", "target": "story"},
}
WRONG = [
    ({"source": "elsewhere"}, "source: enum"),
    ({"type": "u2plus.reaction"}, "type: the catalogue has no"),
    ({"time": "yesterday"}, "time: "),
    ({"subject": None}, "subject: "),
    ({"subject": "  "}, "subject: pattern"),
    ({"subject": "x" * 257}, "subject: maxLength"),
    ({"id": "ann@example.org"}, "id: pattern"),
    ({"data": {"kind": "like"}}, r"data\.target: required"),
    ({"data": {"kind": "hate", "target": "story"}}, r"data\.kind: enum"),
    ({"data": {**BASE["data"], "text": "x"}}, r"data\.text: there is no such"),  # type: ignore[dict-item]
]


def test_right_by_the_catalogue(compiled: Path) -> None:
    """An event as the emitter makes it, and a field that is null."""
    schemas = Schemas.read(compiled)
    schemas.check(BASE)
    schemas.check({**BASE, "data": {**BASE["data"], "text": None}})  # type: ignore[dict-item]
    schemas.check(heartbeat())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"functions": ["stories"]}, r"data\.functions: enum"),
        ({"functions": []}, r"data\.functions: minItems"),
        ({"to": "2026-01-01T08:59:59.9+09:00"}, "data: x-period"),
        ({"to": "2026-01-01T00:00:00Z"}, "data: x-period"),
    ],
)
def test_heartbeats_that_cover_nothing(
    compiled: Path, changes: dict[str, object], said: str
) -> None:
    """An unknown function, none, and a period that ends before or as it begins."""
    with pytest.raises(InvalidEvent, match=said):
        Schemas.read(compiled).check(heartbeat(**changes))


def heartbeat(**changes: object) -> dict[str, object]:
    """The first nine hours of a year in Tokyo, as the emitter makes it."""
    data = {
        "functions": ["story"],
        "from": "2026-01-01T00:00:00.000+00:00",
        "to": "2026-01-01T09:00:00Z",
        **changes,
    }
    plain = {name: BASE[name] for name in BASE if name != "subject"}
    return {**plain, "type": "study.heartbeat", "data": data}


@pytest.mark.parametrize(("changes", "said"), WRONG)
def test_wrong_by_the_catalogue(
    compiled: Path, changes: dict[str, object], said: str
) -> None:
    """The field and the rule, no value."""
    with pytest.raises(InvalidEvent, match=said) as told:
        Schemas.read(compiled).check({**BASE, **changes})
    assert not {"hate", "elsewhere", "yesterday", "ann"} & set(str(told.value).split())


def test_keywords_are_never_passed_over(tmp_path: Path) -> None:
    """A rule that would not be looked at is refused when the schema is read."""
    data = {"type": "array", "items": {"multipleOf": 3}}
    document = {"properties": {"type": {"const": "u2plus.x"}, "data": data}}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document))
    with pytest.raises(Misconfigured, match="multipleOf is not known"):
        Schemas.read(path)


@pytest.mark.parametrize(
    ("rules", "right", "wrong"),
    [
        ({"type": ["integer", "null"]}, [1, None], [True, "1", 1.5]),
        ({"const": 1}, [1, 1.0], [True, "1"]),
        ({"enum": [True, "a"]}, [True, "a"], [1, "b"]),
        ({"minimum": 2, "maximum": 3}, [2, 3, "x"], [1, 4]),
        ({"minLength": 2, "maxLength": 3}, ["ab", 1], ["a", "abcd"]),
        ({"pattern": "^a"}, ["ab", 1], ["ba"]),
        (
            {"format": "date-time"},
            ["2026-01-01T00:00:00Z", 1],
            ["2026-13-01T00:00:00Z"],
        ),
        ({"items": {"type": "string"}, "minItems": 1}, [["a"]], [[], [1]]),
        ({"propertyNames": {"pattern": "^a"}}, [{"ab": 1}], [{"b": 1}]),
        (
            {"patternProperties": {"^a": {"type": "null"}}},
            [{"ab": None}, {"b": 1}],
            [{"ab": 1}],
        ),
        ({"minProperties": 1}, [{"a": 1}], [{}]),
        ({"not": {"type": "string"}}, [1], ["a"]),
        ({"anyOf": [{"const": 1}, {"minimum": 5}]}, [1, 6], [2]),
        ({"oneOf": [{"minimum": 1}, {"minimum": 5}]}, [2], [6, 0]),
        ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, [1], [0, 3]),
        ({"$ref": "#/$defs/a~1b"}, [7], [8]),
    ],
)
def test_each_keyword(
    rules: dict[str, object], right: list[object], wrong: list[object]
) -> None:
    """As JSON Schema 2020-12 has it, on values made by hand."""
    properties = {"type": {"const": "u2plus.x"}, "value": rules}
    document = {"properties": properties, "$defs": {"a/b": {"const": 7}}}
    schemas = Schemas({"u2plus.x": document})
    for value in right:
        schemas.check({"type": "u2plus.x", "value": value})
    for value in wrong:
        with pytest.raises(InvalidEvent, match="value"):
            schemas.check({"type": "u2plus.x", "value": value})


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield str(node.module).split(".")[0]
