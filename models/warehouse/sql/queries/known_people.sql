-- Of some ids those of which anything is stored, be it a rejected event.
with
    named as (
        select toFixedString(unhex(arrayJoin({people:Array(String)})), 16) as person
    )
select distinct lower(hex(stored.participant_id)) as participant_id
from
    (
        select participant_id
        from events
        where participant_id in named
        union all
        select participant_id
        from roster
        where participant_id in named
        union all
        select participant_id
        from readings
        where participant_id in named
        union all
        select participant_id
        from dead_letters
        where participant_id in named
    ) as stored
order by participant_id
