-- First day of enrolment of each participant in each round of the study.
-- A roster study counts `study.enrolled`; one without a roster, any activity.
select
    lower(hex(participant_id)) as participant, round, toString(min(day)) as enrolled_on
from
    (
        select participant_id, toDate(occurred_at, {zone:String}) as day
        from events final
        where
            recorded_at <= {as_of:DateTime64(6)}
            and participant_id != toFixedString('', 16)
            and (event_type = 'study.enrolled' or {any_activity:Bool})
        union all
        select participant_id, toDate(responded_at, {zone:String}) as day
        from responses final
        where recorded_at <= {as_of:DateTime64(6)} and {any_activity:Bool}
    )
array join
    {round_starts:Array(Date)} as starts,
    {round_ends:Array(Date)} as ends,
    {rounds:Array(UInt16)} as round
where day >= starts and day < ends
group by participant_id, round
order by participant, round
