-- Measured use of some people who have planned windows: events by function and cell,
-- and active study-local days by function and block. One row a person with events.
-- Cells are runs of days (`exposure_counts.py`) in which no window begins or ends, so
-- that a window is a sum of cells, and overlapping windows cost nothing extra. Blocks
-- are 64 days, each a bit of a number. Cell 0 and block 0 are outside of all windows.
-- One pass over the log does it.
-- What was recorded in an outage that is prorated is no part of the observed time.
-- People without a window are passed over by the index alone, and dropped once
-- grouped: to look at the person of each row would cost a tenth.
-- Conditions that are true from the parameters alone cost nothing: the engine drops
-- them before it reads.
-- fmt: off
with
    people as (
        select participant_id
        from exposure_windows
        where
            panel = {panel:String}
            and participant_id >= toFixedString(unhex({people_from:String}), 16)
            and participant_id <= toFixedString(unhex({people_until:String}), 16)
    )
select
    lower(hex(participant_id)) as participant,
    countResample(0, {bins:UInt32}, 1)(bin) as event_counts,
    groupBitOrResample(0, {sets:UInt32}, 1)(bitShiftLeft(toUInt64(1), bitAnd(since, 63)), block) as active_days
from (
    select
        person_as_of(events.participant_id) as participant_id,
        corrected(events.occurred_at) as at,
        toUInt16(toDate(at, {zone:String})) as day,
        toUInt16(day - {first_day:UInt16}) as since,
        transform(day, {days:Array(UInt16)}, {cells:Array(UInt16)}, toUInt16(0)) as cell,
        transform(function, {functions:Array(String)}, {bins_from:Array(UInt32)}, toUInt32(0)) + cell as bin,
        transform(function, {functions:Array(String)}, {sets_from:Array(UInt32)}, toUInt32(0))
        + if(cell = 0, 0, 1 + bitShiftRight(since, 6)) as block
    from events final
    where
        function in {functions:Array(String)}
        and indexHint(participant_id in people)
        and ({everything:Bool} or recorded_at <= {as_of:DateTime64(6)})
        and (
            empty({lost:Array(String)})
            or not arrayExists(
                (name, start, end) -> name = function
                and toUnixTimestamp64Micro(at) >= start
                and toUnixTimestamp64Micro(at) < end,
                {lost:Array(String)}, {lost_from:Array(Int64)}, {lost_to:Array(Int64)}
            )
        )
)
group by participant_id
having participant_id in people
settings group_by_two_level_threshold = 1
