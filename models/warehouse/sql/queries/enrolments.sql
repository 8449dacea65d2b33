-- First day of enrolment of each participant in each round of the study.
-- A roster study counts its roster and `study.enrolled`; one without a roster, any
-- activity since the platform's first day (`opened`) but for the times (`gone`) in
-- which somebody had withdrawn, of which not everything was taken in.
select participant_id, round, toString(min(toDate(at, {zone:String}))) as enrolled_on
from
    (
        select participant_id, arrayJoin(enrolled_at) as at, true as enrolled
        from roster_as_of(as_of = {as_of:DateTime64(6)})
        union all
        select
            lower(hex(person_as_of(events.participant_id))) as participant_id,
            corrected(events.occurred_at) as at,
            event_type = 'study.enrolled' as enrolled
        from events
        where
            recorded_at <= {as_of:DateTime64(6)}
            and events.participant_id != toFixedString('', 16)
            and (
                event_type = 'study.enrolled'
                or ({any_activity:Bool} and event_type != 'study.heartbeat')
            )
        union all
        select participant_id, responded_at as at, false as enrolled
        from answers_as_of(as_of = {as_of:DateTime64(6)})
        where {any_activity:Bool}
    )
array join
    {round_starts:Array(Date)} as starts,
    {round_ends:Array(Date)} as ends,
    {rounds:Array(UInt16)} as round
where
    toDate(at, {zone:String}) >= starts
    and toDate(at, {zone:String}) < ends
    and (enrolled or toDate(at, {zone:String}) >= {opened:Date})
    and (
        enrolled
        or empty({gone:Array(String)})
        or not arrayExists(
            (who, since, until) -> who = participant_id
            and toUnixTimestamp64Micro(at) > since
            and toUnixTimestamp64Micro(at) < until,
            {gone:Array(String)},
            {gone_from:Array(Int64)},
            {gone_until:Array(Int64)}
        )
    )
group by participant_id, round
order by participant_id, round
