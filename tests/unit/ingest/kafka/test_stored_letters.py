"""Where the payloads of dead letters are looked for."""

from panelstream.ingest.kafka.stored_letters import places_in_logs
from panelstream.models.events.event import Position


def test_places_of_an_earlier_log_are_gone() -> None:
    """A topic that was created again, or lost, has other records at the same offsets.

    Letters that do not say of which log they are may be of this one.
    """
    now = Position("events[0]", 3, origin_id="second")
    unnamed = Position("events[0]", 4)
    gone = Position("events[0]", 3, origin_id="first")
    lost = Position("events[1]", 3, origin_id="second")
    log_ids = {"events[0]": "second", "events[1]": "second.1"}
    assert places_in_logs([gone, now, unnamed, lost], log_ids) == [now, unnamed]
