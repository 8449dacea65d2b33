-- Who was invited to which wave, by the roster or by an event, as known at an instant.
select distinct participant_id, wave
from
    (
        select participant_id, arrayJoin(invited_waves) as wave
        from roster_as_of(as_of = {as_of:DateTime64(6)})
        union all
        select
            lower(hex(person_as_of(events.participant_id))) as participant_id,
            toUInt16(JSONExtractUInt(data, 'wave')) as wave
        from events
        where recorded_at <= {as_of:DateTime64(6)} and event_type = 'study.invited'
    )
order by participant_id, wave
