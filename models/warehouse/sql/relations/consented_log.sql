-- The same on days of consent.
select
    toFixedString(unhex(study_events.participant_id), 16) as participant_id,
    event_type,
    function,
    occurred_at,
    occurred_on as day,
    data
from study_events
