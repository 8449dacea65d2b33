-- Of some ids those of which an act on the platform is in the log, whoever else it is.
select distinct lower(hex(events.participant_id)) as participant_id
from events
where
    events.participant_id
    in (select toFixedString(unhex(arrayJoin({people:Array(String)})), 16))
    and not startsWith(event_type, 'study.')
order by participant_id
