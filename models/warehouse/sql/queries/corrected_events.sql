-- How many events of a source the log has, and how many of them with a recorded time
-- in [from, until).
select
    count() as of_source,
    countIf(
        toUnixTimestamp64Micro(occurred_at) >= {start:Int64}
        and toUnixTimestamp64Micro(occurred_at) < {end:Int64}
    ) as events
from events final
where recorded_at <= {as_of:DateTime64(6)} and source = {source:String}
