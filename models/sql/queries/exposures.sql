-- Measured use in each planned window: events and active study-local days, by function.
-- One pass over the log puts each person's events into dense bins (function × day);
-- a window is then a range of bins, so overlapping windows cost nothing extra. The
-- first and the last bin of a function catch what lies outside all windows.
WITH
    {functions:Array(String)} AS wanted,
    length(wanted) AS width,
    {days:UInt32} AS days,
    toDate({first_on:Date}) AS first_on,
    bins AS (
        SELECT
            participant_id,
            countResample(0, {bins:UInt32}, 1)(
                transform(function, {functions:Array(String)}, {offsets:Array(UInt32)}, toUInt32(4000000000))
                + greatest(0, least(toInt32({days:UInt32}) - 1, toInt32(toDate(occurred_at, {zone:String})) - toInt32({first_on:Date})))
            ) AS counts
        FROM events FINAL
        WHERE function IN {functions:Array(String)} AND recorded_at <= {as_of:DateTime64(6)}
        GROUP BY participant_id
    )
SELECT
    lower(hex(w.participant_id)) AS participant,
    w.wave AS wave,
    arrayMap(
        offset -> (offset + toUInt32(w.start_on - first_on) + 1, toUInt32(w.end_on - w.start_on)),
        {offsets:Array(UInt32)}
    ) AS ranges,
    if(
        empty(b.counts),
        arrayResize([]::Array(UInt64), width),
        arrayReduceInRanges('sum', ranges, arrayMap(x -> toUInt64(x + bitShiftLeft(toUInt64(x > 0), 32)), b.counts))
    ) AS sums,
    arrayMap(s -> bitAnd(s, 4294967295), sums) AS event_counts,
    arrayMap(s -> bitShiftRight(s, 32), sums) AS active_days
FROM exposure_windows AS w FINAL
LEFT JOIN bins AS b ON b.participant_id = w.participant_id
WHERE w.panel = {panel:String}
ORDER BY
    participant,
    wave
SETTINGS group_by_two_level_threshold = 1
