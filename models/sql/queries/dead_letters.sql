-- Rejected events by place.
SELECT
    origin,
    line,
    batch_index,
    reason,
    field
FROM dead_letters FINAL
ORDER BY
    origin,
    line,
    batch_index,
    reason
LIMIT 1000
