-- Until when the platform says that its log is complete, by function.
select covered, max(end) as until
from
    (
        select
            arrayJoin(JSONExtract(data, 'functions', 'Array(String)')) as covered,
            parseDateTime64BestEffortOrNull(
                JSONExtractString(data, 'to'), 6, 'UTC'
            ) as end
        from events final
        where recorded_at <= {as_of:DateTime64(6)} and event_type = 'study.heartbeat'
    )
where end is not NULL
group by covered
order by covered
