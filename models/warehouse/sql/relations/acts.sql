-- Acts of the study's functions, without what was recorded in an outage that is
-- prorated: that is no part of the observed time.
select participant_id, event_type, function, occurred_at, day, data
from log
where
    function in {functions:Array(String)}
    and (
        empty({lost:Array(String)})
        or not arrayExists(
            (name, start, end) -> name = function
            and toUnixTimestamp64Micro(occurred_at) >= start
            and toUnixTimestamp64Micro(occurred_at) < end,
            {lost:Array(String)},
            {lost_from:Array(Int64)},
            {lost_to:Array(Int64)}
        )
    )
