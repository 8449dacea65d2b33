"""What is stored of how the ids of people in events look."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from panelstream.flows.workspace import Workspace
from panelstream.ingest.events.pipeline import RawEvents
from tests.lib import studies

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_similar_ids_of_people_with_accepted_events(
    workspace: Callable[..., Workspace],
) -> None:
    """Once for each person; none for the events of somebody that are refused."""
    study = workspace()
    studies.send(study, [studies.event("consent_withdrawn", "gone", AT)])
    study.store._client.command("truncate table similar_ids")
    pipeline, later = study.pipeline, AT + timedelta(days=2)
    acts = [studies.event("signed_in", who, later) for who in ("ann", "Ann ", "gone")]
    payload = "\n".join(json.dumps(act) for act in acts).encode()
    counts = [pipeline.process(RawEvents("f", 1, payload)) for _ in range(2)]
    assert [(batch.accepted, batch.refused) for batch in counts] == [(2, 1)] * 2
    rows = study.store.select("select participant_id, similar_id from similar_ids")
    people = study.pseudonyms
    assert sorted(map(tuple, zip(*rows.to_pydict().values(), strict=True))) == sorted(
        (people.participant_id(who), people.similar_id("ann")) for who in ("ann", "Ann")
    )
