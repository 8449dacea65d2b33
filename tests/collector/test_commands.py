"""Commands for engineers and operators: tokens, schema, check, and a wrong start."""

import json
from pathlib import Path

import pytest

from tests.lib import collecting, studies
from tests.lib.collecting import event

CANARY = "canary-7f3a"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A study folder without warehouse."""
    return studies.write(tmp_path / "study", studies.BASE)


def run(study: Path, *words: str, **env: str) -> tuple[int, str, str]:
    """A command on a study: exit code, output, errors."""
    done = collecting.command(
        [*words, "--study", str(study)], collecting.environment(study, **env)
    )
    return done.returncode, done.stdout, done.stderr


def test_tokens(made: Path) -> None:
    """Printed once and listed without what opens; of sources that there are."""
    code, token, _ = run(made, "tokens", "add", "u2plus.web")
    assert code == 0
    _, listed, _ = run(made, "tokens", "list", "--json")
    [one] = json.loads(listed)
    assert (one["source"], one.keys()) == ("u2plus.web", {"token", "source", "made_on"})
    assert one["token"] in token
    code, _, said = run(made, "tokens", "add", "u2plus.desk")
    assert (code, said.count("\n")) == (2, 1)
    assert "u2plus.web" in said


def test_check_tells_line_by_line(made: Path, tmp_path: Path) -> None:
    """What an ingest would reject, with the same words, without key or warehouse."""
    (made / "pseudonym.key").unlink()
    file = tmp_path / "events.ndjson"
    good, bad = json.dumps(event("a")), json.dumps(event("b", type=CANARY))
    file.write_text(f"{good}\nnonsense\n\n[{good},{bad}]\n")
    code, out, _ = run(made, "events", "check", str(file))
    assert (code, out.splitlines()) == (
        0,
        [
            "  events.ndjson:2  not_json",
            "  events.ndjson:4[1]  unknown_type  type",
            "4 events: 2 would be accepted, 2 rejected",
        ],
    )
    code, out, said = run(made, "events", "check", str(file), "--strict", "--json")
    result = json.loads(out)
    assert (code, result["received"], result["accepted"]) == (4, 4, 2)
    assert result["reasons"] == {"not_json": 1, "unknown_type": 1}
    assert CANARY not in out + said
    assert not (made / "warehouse").exists()


def test_schema(made: Path, tmp_path: Path) -> None:
    """One file a type, one for all, one of AsyncAPI with the topic that is set."""
    out = tmp_path / "contract"
    words = ("catalogue", "schema", "--out", str(out))
    assert run(made, *words, KAFKA_TOPIC="own.events")[0] == 0
    whole = json.loads((out / "events.schema.json").read_text())
    alone = {path.name for path in out.iterdir()}
    assert alone == {
        "events.schema.json",
        "asyncapi.json",
        *(f"{name}.json" for name in whole["$defs"]),
    }
    one = json.loads((out / "u2plus.signed_in.json").read_text())
    assert one.pop("$schema") == whole["$schema"]
    assert one == whole["$defs"]["u2plus.signed_in"]
    assert '"own.events"' in (out / "asyncapi.json").read_text()


@pytest.mark.parametrize(
    ("env", "code", "said"),
    [
        ({}, 3, "no such file; 'panelstream tokens add SOURCE' makes it"),
        ({"COLLECTOR_ADDRESS": "here"}, 3, "PANELSTREAM_COLLECTOR_ADDRESS"),
        ({"COLLECTOR_RATE": "0"}, 3, "PANELSTREAM_COLLECTOR_RATE"),
        ({"COLLECTOR_ADDRESS": "192.0.2.1:80"}, 5, "COLLECTOR_ADDRESS"),
        ({"KAFKA": "127.0.0.1:1"}, 5, "cannot use Kafka at 127.0.0.1:1"),
    ],
)
def test_a_collector_that_cannot_start(
    made: Path, env: dict[str, str], code: int, said: str
) -> None:
    """One line with what is wrong and what to do, and no password."""
    if env:
        collecting.add_token(made, collecting.environment(made))
    got, out, shown = run(made, "collector", **env)
    assert (got, shown.count("\n"), out) == (code, 1, "")
    assert said in shown
    assert "secret" not in shown
