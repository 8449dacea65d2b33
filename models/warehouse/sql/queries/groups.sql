-- The groups that people were enrolled in, and from which study-local day on; an empty
-- one is none. One row a statement, in order.
select distinct
    participant_id, toDate32(stated_at, {zone:String}) as from_on, stated_at, named
from
    (
        select participant_id, enrolment .1 as stated_at, enrolment .2 as named
        from roster_as_of(as_of = {as_of:DateTime64(6)})
        array join arrayZip(enrolled_at, cohort) as enrolment
        union all
        select
            lower(hex(person_as_of(events.participant_id))) as participant_id,
            corrected(events.occurred_at) as stated_at,
            JSONExtractString(data, 'group') as named
        from events
        where recorded_at <= {as_of:DateTime64(6)} and event_type = 'study.enrolled'
    )
order by participant_id, stated_at, named
