-- The times for which the platform says its log is whole, by function.
SELECT
    arrayJoin(JSONExtract(data, 'functions', 'Array(String)')) AS covered,
    parseDateTime64BestEffort(JSONExtractString(data, 'from'), 6, 'UTC') AS start,
    parseDateTime64BestEffort(JSONExtractString(data, 'to'), 6, 'UTC') AS end
FROM events FINAL
WHERE recorded_at <= {as_of:DateTime64(6)} AND event_type = 'study.heartbeat'
ORDER BY
    covered,
    start,
    end
