-- Measured use in each planned window: events and active study-local days, by function.
-- One pass over the log puts each person's events into dense bins (function × day);
-- a window is then a range of bins, so overlapping windows cost nothing extra. The
-- first and the last bin of a function catch what lies outside all windows.
-- What was recorded in an outage that is prorated is no part of the observed time.
-- The arithmetic is left unbroken, as it reads better so.
-- fmt: off
with
    {functions:Array(String)} as wanted,
    length(wanted) as width,
    {days:UInt32} as days,
    toDate({first_on:Date}) as first_on,
    bins as (
        select
            participant_id,
            countResample(0, {bins:UInt32}, 1)(
                transform(function, {functions:Array(String)}, {offsets:Array(UInt32)}, toUInt32(4000000000))
                + greatest(0, least(toInt32({days:UInt32}) - 1, toInt32(toDate(occurred_at, {zone:String})) - toInt32({first_on:Date})))
            ) as counts
        from events final
        where
            function in {functions:Array(String)}
            and recorded_at <= {as_of:DateTime64(6)}
            and (
                empty({lost:Array(String)})
                or not arrayExists(
                    (name, start, end) -> name = function
                    and toUnixTimestamp64Micro(occurred_at) >= start
                    and toUnixTimestamp64Micro(occurred_at) < end,
                    {lost:Array(String)}, {lost_from:Array(Int64)}, {lost_to:Array(Int64)}
                )
            )
        group by participant_id
    )
select
    lower(hex(w.participant_id)) as participant,
    w.wave as wave,
    arrayMap(
        offset -> (offset + toUInt32(w.start_on - first_on) + 1, toUInt32(w.end_on - w.start_on)),
        {offsets:Array(UInt32)}
    ) as ranges,
    if(
        empty(b.counts),
        arrayResize([]::Array(UInt64), width),
        arrayReduceInRanges('sum', ranges, arrayMap(x -> toUInt64(x + bitShiftLeft(toUInt64(x > 0), 32)), b.counts))
    ) as sums,
    arrayMap(s -> bitAnd(s, 4294967295), sums) as event_counts,
    arrayMap(s -> bitShiftRight(s, 32), sums) as active_days
from exposure_windows as w final
left join bins as b on b.participant_id = w.participant_id
where w.panel = {panel:String}
order by
    participant,
    wave
settings group_by_two_level_threshold = 1
