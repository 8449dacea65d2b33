"""/openapi.json is what the collector does: routes, statuses, limits, reasons."""

import json
import subprocess
from pathlib import Path
from typing import Any, get_args

from openapi_spec_validator import validate
from starlette.routing import Route

from panelstream.ingest.collector.application import DESCRIPTION, Collector
from panelstream.ingest.collector.tokens import Tokens
from panelstream.models.events import catalogue
from panelstream.models.events.event import Reason
from panelstream.models.settings.collector import Limits
from panelstream.models.timestamps import utc_now
from tests.collector.test_limits import HandSink
from tests.docs import documents
from tests.lib import parts
from tests.lib.collecting import Running

DOCUMENT: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
POST = DOCUMENT["paths"]["/events"]["post"]
OURS_ALONE = {"unreadable_record"}
"""A reason that only records of Kafka can have."""


def test_it_is_openapi() -> None:
    """The document is valid OpenAPI 3.1."""
    validate(DOCUMENT)


def test_it_is_served(running: Running) -> None:
    """As it lies in the repository, without a token."""
    assert running.get("/openapi.json").said == DOCUMENT


def test_routes(tmp_path: Path) -> None:
    """It describes every route with its method, and no others."""
    file = tmp_path / "tokens"
    file.touch(0o600)
    u2plus = catalogue.find_catalogue("u2plus", Path())
    collector = Collector(u2plus, Tokens(file), HandSink(), Limits(), utc_now)
    routes = {
        (route.path, method.lower())
        for route in collector.application().routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    paths = DOCUMENT["paths"]
    assert routes == {(path, method) for path in paths for method in paths[path]}


def test_reasons_and_limits() -> None:
    """Reasons are those that an event can be rejected for; limits those of the code."""
    schemas = DOCUMENT["components"]["schemas"]
    reasons = schemas["Rejection"]["properties"]["reason"]["enum"]
    assert set(reasons) == set(get_args(Reason)) - OURS_ALONE
    limits, said = Limits(), POST["requestBody"]["description"]
    for entry in (
        f"{limits.body >> 20} MiB as sent",
        f"{limits.content >> 20} MiB when unpacked",
        f"{limits.events:,} events",
    ):
        assert entry in said
    content = POST["requestBody"]["content"]
    batch = content["application/cloudevents-batch+json"]
    assert batch["schema"]["maxItems"] == limits.events


def test_statuses_are_on_the_page() -> None:
    """docs/how-to/collector.md lists what the document lists."""
    text = documents.read("docs/how-to/collector.md")
    listed = documents.documented(text, "Answers")
    assert listed == [*sorted(POST["responses"].keys() | {"404"})]


def test_schemathesis(running: Running, tmp_path: Path) -> None:
    """Requests made up from the document, good and bad, find no fault in the answers."""
    program = parts.require("schemathesis")
    done = subprocess.run(
        [
            program,
            "run",
            f"{running.url}/openapi.json",
            "--header",
            f"Authorization: Bearer {running.token}",
            # A catalogue, and what gzip is, cannot be said in the document.
            "--exclude-checks=positive_data_acceptance",
            "--max-examples=100",
            "--seed=1",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-6000:]
