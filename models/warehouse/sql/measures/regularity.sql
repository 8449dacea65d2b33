-- How evenly the days of use are spaced: 1 regular, 0 random, towards -1 in bursts.
-- of: function
-- over: window
-- unit: -1 to 1
-- null: consent or log does not cover the window, or fewer than three active days
-- gaps: not known
-- (m - s) / (m + s), with m the mean and s the standard deviation (over n) of the days
-- from one active day of the window to the next: the burstiness of Goh and Barabasi
-- (EPL 2008;81:48002, doi 10.1209/0295-5075/81/48002) with its sign turned.
select
    participant,
    wave,
    function as key,
    if(length(days) < 3, null, (mean - deviation) / (mean + deviation)) as value
from
    (
        select
            participant,
            wave,
            function,
            days,
            arrayMap(
                (day, before) -> toFloat64(day - before),
                arrayPopFront(days),
                arrayPopBack(days)
            ) as between,
            arrayAvg(between) as mean,
            sqrt(arrayAvg(arrayMap(x -> (x - mean) * (x - mean), between))) as deviation
        from used_days
    )
