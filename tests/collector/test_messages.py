"""The four ways to send, and what is told of each event."""

import gzip
import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.lib import collecting, parts
from tests.lib.collecting import BATCH, LINES, SINGLE, Running, batch, event

TAKEN = {"accepted": 1, "rejected": 0, "refused": 0, "rejections": [], "received": 1}
CANARY = "canary-7f3a"


def binary(one: Mapping[str, Any], **more: str) -> dict[str, Any]:
    """The headers of an event in binary mode."""
    named = {f"ce_{name}": str(one[name]) for name in one if name != "data"}
    return {**named, **more}


def test_structured(running: Running) -> None:
    """One event in JSON."""
    sent = json.dumps(event("structured")).encode()
    answer = running.post(sent, SINGLE)
    assert (answer.status, answer.said) == (202, TAKEN)
    assert running.post(sent, f"{SINGLE}; charset=UTF-8").status == 202


def test_batch_tells_the_index(running: Running) -> None:
    """The bad of a batch are named by index, reason and field; the good are taken."""
    sent = [
        event("first"),
        event("second", data={"text": CANARY}),
        7,
        event("third", type=f"u2plus.{CANARY}"),
        event("fourth", time="2999-01-01T00:00:00Z"),
        [event("nested")],
        event("last"),
    ]
    answer = running.post(json.dumps(sent).encode())
    assert answer.status == 202
    assert answer.said == {
        "received": 7,
        "accepted": 2,
        "rejected": 5,
        "refused": 0,
        "rejections": [
            {"index": 1, "reason": "invalid_data", "field": "data"},
            {"index": 2, "reason": "not_cloudevent", "field": ""},
            {"index": 3, "reason": "unknown_type", "field": "type"},
            {"index": 4, "reason": "time_in_future", "field": "time"},
            {"index": 5, "reason": "not_cloudevent", "field": ""},
        ],
    }
    assert CANARY not in running.log.read_text()


def test_a_batch_with_elements_that_are_not_json(running: Running) -> None:
    """They are named by index, and harm no other; an event without a source gets 422."""
    sent = json.dumps(
        [event("sound"), event("half", subject="\udc80"), {"a": float("nan")}]
    )
    answer = running.post(sent.encode())
    assert answer.status == 202
    assert [(row["index"], row["reason"]) for row in answer.said["rejections"]] == [
        (1, "not_json"),
        (2, "not_json"),
    ]
    nameless = {name: text for name, text in event("x").items() if name != "source"}
    answer = running.post(json.dumps([nameless]).encode())
    assert (answer.status, answer.said["rejections"][0]["field"]) == (422, "source")


def test_lines_tell_the_line(running: Running) -> None:
    """Blank lines count as lines; a line may be a batch, and tells its index too."""
    good = json.dumps(event("line"))
    bad = json.dumps([event("in-line"), {}])
    body = f"{good}\r\n\n{{nonsense\n{bad}\n{good}".encode()
    answer = running.post(body, LINES)
    assert answer.said == {
        "received": 5,
        "accepted": 3,
        "rejected": 2,
        "refused": 0,
        "rejections": [
            {"line": 3, "reason": "not_json", "field": ""},
            {"line": 4, "index": 1, "reason": "not_cloudevent", "field": "specversion"},
        ],
    }


def test_binary(running: Running) -> None:
    """Attributes in headers, percent-encoded and quoted; data in the body."""
    one = event("binary", subject="%22%E3%82%A2%22", schemaversion=1)
    assert running.post(b"", "", **binary(one)).said == TAKEN
    quoted = event("binary-quoted", source='"u2plus"')
    assert running.post(b"", "", **binary(quoted)).said == TAKEN
    given = event("binary-data", type="u2plus.reaction_given")
    data = b' {"kind": "like",\n "target": "story"}'
    assert running.post(data, "application/json", **binary(given)).said == TAKEN


@pytest.mark.parametrize(
    ("data", "more", "status"),
    [
        (b'{}, "source": "u2plus.web"', {}, 400),
        (b"{", {}, 400),
        (b'{"a": "\xff"}', {}, 400),
        (b"", {"ce_data": "{}"}, 400),
        (b"", {"ce_Time_": "x"}, 400),
        (b"", {"ce_subject": "%FF"}, 400),
        (b"", {"ce_source": "u2plus.web"}, 403),
        (b"", {"ce_source": ""}, 422),
        (b'{"kind": 1}', {}, 422),
    ],
)
def test_binary_gone_wrong(
    running: Running, data: bytes, more: dict[str, str], status: int
) -> None:
    """A body cannot write attributes, and an attribute cannot be the body."""
    answer = running.post(
        data, "application/json", **{**binary(event("bad-binary")), **more}
    )
    assert answer.status == status


def test_gzip(running: Running) -> None:
    """Packed, also in several members; cut off or followed by something it is none."""
    whole = batch("packed1", "packed2")
    packed = gzip.compress(whole[:40]) + gzip.compress(whole[40:])
    assert running.post(packed, Content_Encoding="gzip").said["accepted"] == 2
    many = gzip.compress(b"") * 100_000
    for bad in (packed[:-3], packed + b"x", whole, b"\x1f\x8b", many):
        assert running.post(bad, Content_Encoding="gzip").status == 400
    assert running.post(whole, Content_Encoding="br").status == 415


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", BATCH, 400),
        (b"{}", BATCH, 400),
        (b"[1", BATCH, 400),
        (b"[]", BATCH, 202),
        (b"", LINES, 202),
        (b"[]", SINGLE, 400),
        (b"{", SINGLE, 400),
        (b"{}", SINGLE, 422),
        (b"[{}]", BATCH, 422),
        (b"{}", "application/json", 415),
        (b"{}", "", 415),
        (b"{}", "application/cloudevents+xml", 415),
        (b"{}", f"{SINGLE}; charset=latin-1", 415),
        (b"[" * 100_000, BATCH, 400),
        (b"\xff", SINGLE, 400),
    ],
)
def test_wrong_bodies(running: Running, body: bytes, kind: str, status: int) -> None:
    """Each kind of wrong has its status, and every one but 202 is a problem document."""
    answer = running.post(body, kind)
    assert answer.status == status
    if status != 202:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.said["status"] == status
        assert {"type", "title", "detail"} <= answer.said.keys()


def test_what_was_rejected_is_told_with_the_problem(running: Running) -> None:
    """A request of which nothing was taken has the same counts as any other."""
    said = running.post(json.dumps([event("x", subject="")]).encode()).said
    assert said["rejections"] == [
        {"index": 0, "reason": "missing_subject", "field": "subject"}
    ]
    assert (said["status"], said["received"], said["rejected"]) == (422, 1, 1)


def test_paths_and_methods(running: Running) -> None:
    """404 and 405 are problem documents; 405 says what is allowed."""
    assert running.get("/events/").status == 404
    answer = running.get("/events")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.said["title"] == "Method Not Allowed"
    assert running.get("/health").said == {"status": "ok"}


def test_python_sdk(running: Running) -> None:
    """Python's CloudEvents SDK, in both of its modes, and its events in a batch."""
    attributes: dict[str, Any] = {**event("sdk"), "time": collecting.AT}
    attributes |= {
        "type": "u2plus.reaction_given",
        "datacontenttype": "application/json",
    }
    made = CloudEvent(attributes, {"kind": "like", "target": "story"})
    bodies = []
    for convert in (to_binary, to_structured):
        message = convert(made, JSONFormat())
        headers: dict[str, Any] = {
            name.replace("-", "_"): value for name, value in message.headers.items()
        }
        kind = headers.pop("content_type")
        assert running.post(message.body, kind, **headers).said == TAKEN
        bodies.append(message.body)
    assert running.post(b"[" + bodies[1] + b"]").said == TAKEN


SCRIPT = """
const { CloudEvent, HTTP } = require("cloudevents");
const [url, token] = process.argv.slice(1);
const make = (id) => new CloudEvent({
  id, source: "u2plus", type: "u2plus.reaction_given", subject: "アン",
  time: "2026-01-11T08:00:00.000Z", data: { kind: "like", target: "story" },
});
const batch = {
  headers: { "content-type": "application/cloudevents-batch+json" },
  body: JSON.stringify([make("js3"), make("js4")]),
};
(async () => {
  for (const one of [HTTP.binary(make("js1")), HTTP.structured(make("js2")), batch]) {
    const headers = { ...one.headers, authorization: `Bearer ${token}` };
    if (headers["ce-subject"]) headers["ce-subject"] = encodeURIComponent(headers["ce-subject"]);
    const answer = await fetch(url, { method: "POST", headers, body: one.body });
    console.log(answer.status, await answer.text());
  }
})();
"""


def test_javascript_sdk(running: Running) -> None:
    """npm's cloudevents in binary and structured mode, and its events in a batch."""
    node = parts.require("node")
    _require_module(node)
    done = subprocess.run(
        [node, "-e", SCRIPT, f"{running.url}/events", running.token],
        capture_output=True,
        text=True,
        check=True,
    )
    statuses = [line.split(" ")[0] for line in done.stdout.splitlines()]
    assert statuses == ["202"] * 3, done.stdout + done.stderr


def _require_module(node: str) -> None:
    """npm's cloudevents is looked for as node does; NODE_PATH may say where."""
    result = subprocess.run([node, "-e", 'require("cloudevents")'], capture_output=True)
    if result.returncode:
        pytest.skip("needs npm's cloudevents")


def test_everything_taken_is_stored_once(stoppable: Running) -> None:
    """Sent in every mode and again: one row; dead letters by request, without values.

    A request has an id of the collector's own, whatever the client calls it.
    """
    running, study = stoppable, stoppable.log.parent / "study"
    for _ in range(2):
        sent = json.dumps(event("again")).encode()
        assert running.post(sent, SINGLE).status == 202
        assert running.post(sent, LINES).status == 202
        assert running.post(b"[%b,%b]" % (sent, sent)).said["accepted"] == 2
    wrong = b'[{"id": "%b"}]' % CANARY.encode()
    bad = [running.post(wrong, X_Request_ID="mine") for _ in range(2)]
    assert running.stop() == 0
    env = collecting.environment(study)
    asked = ["query", "--operator", "--json", "--study", str(study)]
    seen = collecting.command([*asked, "select id from operator_events"], env)
    ids = [row["id"] for row in json.loads(seen.stdout)]
    assert ids.count("again") == 1
    assert len(ids) == len(set(ids))
    letters = collecting.command([*asked, "select * from dead_letters final"], env)
    assert CANARY not in letters.stdout
    origins = [(row["origin"], row["origin_id"]) for row in json.loads(letters.stdout)]
    requests = [answer.headers["x-request-id"] for answer in bad]
    assert len({*requests, "mine"}) == 3
    assert {(f"collector/{name}", name) for name in requests} <= set(origins)
