-- Measured use in the planned windows of some people: events and active study-local
-- days, by window and function. One row a person, windows in the order of their waves.
-- The days are cut into cells (`flows/counting.py`): no window begins or ends inside of
-- one, and none has more than 64 days. One pass over the log counts each person's
-- events
-- by function and cell and sets a bit for each active day. A window is then a range of
-- cells, so overlapping windows cost nothing extra. Cell 0 is outside of all windows.
-- What was recorded in an outage that is prorated is no part of the observed time.
-- Conditions that are true from the parameters alone cost nothing: the engine drops
-- them.
-- fmt: off
with
    {cells:Array(UInt16)} as cells,
    {first_day:UInt16} as first_day,
    used as (
        select
            participant_id,
            countResample(0, {bins:UInt32}, 1)(bin) as events,
            groupBitOrResample(0, {bins:UInt32}, 1)(bitShiftLeft(toUInt64(1), bitAnd(day, 63)), bin) as days
        from (
            select
                participant_id,
                toUInt16(toDate(occurred_at, {zone:String})) as day,
                transform(function, {functions:Array(String)}, {offsets:Array(UInt32)}, toUInt32(0))
                + cells[toUInt16(day - first_day) + 1] as bin
            from events final
            where
                function in {functions:Array(String)}
                and participant_id >= toFixedString(unhex({people_from:String}), 16)
                and participant_id <= toFixedString(unhex({people_until:String}), 16)
                and ({everything:Bool} or recorded_at <= {as_of:DateTime64(6)})
                and (
                    empty({lost:Array(String)})
                    or not arrayExists(
                        (name, start, end) -> name = function
                        and toUnixTimestamp64Micro(occurred_at) >= start
                        and toUnixTimestamp64Micro(occurred_at) < end,
                        {lost:Array(String)}, {lost_from:Array(Int64)}, {lost_to:Array(Int64)}
                    )
                )
        )
        group by participant_id
    ),
    asked as (
        select
            participant_id,
            arraySort(groupArray((wave, cells[toUInt16(start_on) - first_day + 1], cells[toUInt16(end_on) - first_day + 1]))) as windows,
            arrayFlatten(arrayMap(
                one -> arrayMap(offset -> (offset + one.2 + 1, toUInt32(one.3 - one.2)), {offsets:Array(UInt32)}),
                windows
            )) as ranges
        from exposure_windows final
        where
            panel = {panel:String}
            and participant_id >= toFixedString(unhex({people_from:String}), 16)
            and participant_id <= toFixedString(unhex({people_until:String}), 16)
        group by participant_id
    )
select
    lower(hex(a.participant_id)) as participant,
    a.windows.1 as waves,
    arrayReduceInRanges('sum', a.ranges, u.events) as event_counts,
    arrayReduceInRanges('sum', a.ranges, arrayMap(set -> bitCount(set), u.days)) as active_days
from used as u
right join asked as a on a.participant_id = u.participant_id
order by participant
settings group_by_two_level_threshold = 1, query_plan_execute_functions_after_sorting = 0
