-- What people did on the platform: one row an event, duplicates and conflicts out.
CREATE OR REPLACE VIEW platform_events AS
SELECT
    lower(hex(participant_id)) AS participant_id,
    event_type,
    function,
    occurred_at,
    received_at,
    recorded_at,
    source,
    id,
    data
FROM events FINAL
WHERE NOT startsWith(event_type, 'study.')
