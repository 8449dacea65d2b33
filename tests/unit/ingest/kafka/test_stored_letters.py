"""Where the payloads of dead letters are looked for."""

from panelstream.ingest.kafka.stored_letters import places_in_topic
from panelstream.models.events.event import Position


def test_places_of_an_earlier_topic_are_gone() -> None:
    """A topic that was created again has other records at the same offsets.

    Letters that do not say of which topic they are may be of this one.
    """
    now = Position("events[0]", 3, origin_id="second")
    unnamed = Position("events[0]", 4)
    gone = Position("events[0]", 3, origin_id="first")
    assert places_in_topic([gone, now, unnamed], "second") == [now, unnamed]
