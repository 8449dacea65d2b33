-- The log of the people of the newest panel as it was known then, with study-local
-- days.
select
    person_of_panel(events.participant_id) as participant_id,
    event_type,
    function,
    corrected(events.occurred_at) as occurred_at,
    toDate(occurred_at, {zone:String}) as day,
    data
from events final
where
    recorded_at <= (select max(as_of) from participants)
    and participant_id
    in (select toFixedString(unhex(participants.participant_id), 16) from participants)
