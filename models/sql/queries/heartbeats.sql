-- The times for which the platform says its log is whole, by function.
-- A time that cannot be read covers nothing, rather than failing the whole panel.
SELECT
    arrayJoin(JSONExtract(data, 'functions', 'Array(String)')) AS covered,
    parseDateTime64BestEffortOrNull(JSONExtractString(data, 'from'), 6, 'UTC') AS start,
    parseDateTime64BestEffortOrNull(JSONExtractString(data, 'to'), 6, 'UTC') AS end
FROM events FINAL
WHERE
    recorded_at <= {as_of:DateTime64(6)}
    AND event_type = 'study.heartbeat'
    AND start IS NOT NULL
    AND end IS NOT NULL
ORDER BY
    covered,
    start,
    end
