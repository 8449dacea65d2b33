-- Use a day (UTC): one row for a participant, function and day with any use.
CREATE OR REPLACE VIEW daily_use AS
SELECT
    lower(hex(participant_id)) AS participant_id,
    function,
    toDate(occurred_at) AS used_on,
    count() AS event_count
FROM events FINAL
WHERE function != ''
GROUP BY
    participant_id,
    function,
    used_on
