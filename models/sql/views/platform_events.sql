-- What people did on the platform: one row an event, duplicates and conflicts out.
create or replace view platform_events as
select
    lower(hex(participant_id)) as participant_id,
    event_type,
    function,
    occurred_at,
    received_at,
    recorded_at,
    source,
    id,
    data
from events final
where not startsWith(event_type, 'study.')
