-- Rejected events of some files, by place.
SELECT
    origin,
    line,
    batch_index,
    reason,
    field
FROM dead_letters FINAL
WHERE origin IN {origins:Array(String)}
ORDER BY
    origin,
    line,
    batch_index,
    reason
LIMIT 1000
