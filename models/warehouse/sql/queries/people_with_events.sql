-- Everybody of whom an act on the platform is in the log.
select distinct lower(hex(person_as_of(events.participant_id))) as participant_id
from events
where
    recorded_at <= {as_of:DateTime64(6)}
    and events.participant_id != toFixedString('', 16)
    and not startsWith(event_type, 'study.')
order by participant_id
