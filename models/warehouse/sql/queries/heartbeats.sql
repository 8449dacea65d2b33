-- The times for which the platform says its log is complete, by function; those with a
-- participant speak of that person's own device.
-- A time that cannot be read covers nothing, rather than failing the whole panel.
select
    arrayJoin(JSONExtract(data, 'functions', 'Array(String)')) as covered,
    source,
    if(
        events.participant_id = toFixedString('', 16),
        '',
        lower(hex(person_as_of(events.participant_id)))
    ) as participant_id,
    parseDateTime64BestEffortOrNull(JSONExtractString(data, 'from'), 6, 'UTC') as start,
    parseDateTime64BestEffortOrNull(JSONExtractString(data, 'to'), 6, 'UTC') as end
from events final
where
    recorded_at <= {as_of:DateTime64(6)}
    and event_type = 'study.heartbeat'
    and start is not NULL
    and end is not NULL
order by covered, start, end
