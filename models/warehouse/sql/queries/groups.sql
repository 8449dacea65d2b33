-- The groups that each enrolled participant was ever said to be in.
select participant_id, arraySort(groupUniqArray(named)) as groups
from
    (
        select participant_id, arrayJoin(cohort) as named
        from roster_as_of(as_of = {as_of:DateTime64(6)})
        union all
        select
            lower(hex(person_as_of(events.participant_id))) as participant_id,
            JSONExtractString(data, 'group') as named
        from events
        where recorded_at <= {as_of:DateTime64(6)} and event_type = 'study.enrolled'
    )
group by participant_id
order by participant_id
