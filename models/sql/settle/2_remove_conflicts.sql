-- Then take the copies out of the log; a repetition of this step finds nothing.
DELETE FROM events
WHERE (participant_id, function, occurred_at, source, id, event_type, schema_version, data) IN (
    SELECT participant_id, function, occurred_at, source, id, event_type, schema_version, data
    FROM event_conflicts
)
