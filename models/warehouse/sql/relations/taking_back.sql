-- Who took something back, ever, and of which field values: all that has to be looked
-- at. Without FINAL and as-of, which cost as much as the rest and only leave out some.
select person_as_of(events.participant_id) as participant_id, data
from events
where
    event_type in {withdrawing:Array(String)}
    and participant_id >= toFixedString(unhex({people_from:String}), 16)
    and participant_id <= toFixedString(unhex({people_until:String}), 16)
