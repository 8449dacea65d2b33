"""Who may send what; and what cannot be done with a request."""

import gzip
import itertools
import json
import threading
import zlib
from pathlib import Path

import pytest

from panelstream.models.settings.collector import Limits
from tests.lib import collecting
from tests.lib.collecting import LINES, SINGLE, Running, batch, event

CANARY = "canary-7f3a"
OTHER = event("other", source="u2plus.web")


def test_no_token_or_an_unknown_one(running: Running) -> None:
    """401 with the challenge, whatever is sent; the body is not looked at."""
    unknown = running.token[:-1] + ("A" if running.token[-1] != "A" else "B")
    for token in (
        "",
        " ",
        unknown,
        running.token[:20],
        "ア".encode().decode("latin-1"),
    ):
        answer = running.post(b"x", "text/plain", token)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    basic = running.post(batch("a"), Authorization=f"Basic {running.token}")
    assert basic.status == 401


def test_a_token_writes_its_own_source_only(running: Running, study: Path) -> None:
    """Another source's token: 403 alone; in a batch the foreign event is rejected."""
    env = collecting.environment(study)
    token = collecting.add_token(study, env, "u2plus.web")
    assert running.post(json.dumps(OTHER).encode(), SINGLE).status == 403
    assert running.post(json.dumps(OTHER).encode(), SINGLE, token).status == 202
    assert running.post(batch("mine"), token=token).status == 403
    mixed = json.dumps([event("own"), OTHER, event("none", source="elsewhere")])
    answer = running.post(mixed.encode())
    assert (answer.status, answer.said["accepted"]) == (202, 1)
    rejected = {"reason": "invalid_data", "field": "source"}
    assert answer.said["rejections"] == [{"index": n, **rejected} for n in (1, 2)]


@pytest.mark.parametrize("first", ["u2plus", "u2plus.web"])
def test_a_source_said_twice(running: Running, first: str) -> None:
    """The last of two is the one that is checked and the one that would be stored."""
    last = "u2plus.web" if first == "u2plus" else "u2plus"
    text = json.dumps(event(f"twice-{first}", source=last))
    answer = running.post(f'[{{"source": "{first}", {text[1:]}]'.encode())
    assert answer.status == (202 if last == "u2plus" else 403)


def test_revoked_at_once(running: Running, study: Path) -> None:
    """A token opens nothing after its revocation; the others of its source still do."""
    env = collecting.environment(study)
    token = collecting.add_token(study, env)
    assert running.post(batch("before"), token=token).status == 202
    name = token.split("_")[1]
    revoke = ["tokens", "revoke", name, "--study", str(study)]
    assert collecting.command(revoke, env).returncode == 0
    assert running.post(batch("after"), token=token).status == 401
    assert running.post(batch("after")).status == 202


def test_tokens_that_cannot_be_read(running: Running, study: Path) -> None:
    """Nobody comes in while the file is open to others; 503, as it will be mended."""
    file = study / "collector.tokens"
    file.chmod(0o644)
    answer = running.post(batch("x"))
    assert (answer.status, int(answer.headers["retry-after"]) >= 30) == (503, True)
    file.chmod(0o600)
    assert running.post(batch("x")).status == 202


def test_oversized(running: Running) -> None:
    """By size as sent, said or not, by size unpacked, and by events: 413."""
    limits = Limits()
    assert running.post(b"[" + b" " * limits.body + b"]").status == 413
    bomb = gzip.compress(b" " * (limits.content + 1))
    assert running.post(bomb, Content_Encoding="gzip").status == 413
    many = b"7\n" * (limits.events + 1)
    assert running.post(many, LINES).status == 413
    assert running.post(b"[" + b",".join([b"7"] * 10_001) + b"]").status == 413


def test_bombs_take_no_memory(running: Running) -> None:
    """Bodies that would be gigabytes are given up at the limit, several at once."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(200))
    bomb += packer.flush()
    before, statuses = _peak(running), []

    def send() -> None:
        statuses.append(running.post(bomb, Content_Encoding="gzip").status)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert statuses == [413] * 8
    assert _peak(running) - before < 300 << 20


def test_names_that_are_made_up_take_no_memory(running: Running) -> None:
    """Events with a hundred thousand attributes of their own: taken, without those."""
    numbers = itertools.count()
    many = [
        event(f"names-{n}", **{f"k{next(numbers)}": 1 for _ in range(1_500)})
        for n in range(300)
    ]
    before = _peak(running)
    packed = gzip.compress(json.dumps(many).encode())
    answer = running.post(packed, Content_Encoding="gzip")
    assert (answer.status, answer.said["accepted"]) == (202, 300)
    assert _peak(running) - before < 200 << 20


def _peak(running: Running) -> int:
    status = Path(f"/proc/{running.process.pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    [line] = [entry for entry in status.read_text().splitlines() if "VmHWM" in entry]
    return int(line.split()[1]) << 10


def test_nothing_sent_is_quoted(running: Running) -> None:
    """Neither answers, log nor metrics hold a value, or a line that was smuggled in."""
    forged = f"{CANARY}\r\n2027-01-01 WARNING panelstream.collector forged"
    sent = event(CANARY, source=forged, type=forged, subject=forged, time=forged)
    answers = [
        running.post(json.dumps(sent).encode(), SINGLE),
        running.post(forged.encode(), LINES),
        running.post(b"", f"text/{CANARY}"),
        running.post(b"", token=CANARY),
        running.post(b"", SINGLE, ce_source=CANARY, Content_Encoding=CANARY),
        running.get(f"/{CANARY}?{CANARY}"),
        running.get("/metrics"),
    ]
    told = b"".join(answer.body + str(answer.headers).encode() for answer in answers)
    assert CANARY.encode() not in told
    assert CANARY not in running.log.read_text()


def test_the_file_holds_no_token(running: Running, study: Path) -> None:
    """Who reads the file cannot send."""
    assert (
        running.token.split("_", 2)[2] not in (study / "collector.tokens").read_text()
    )
