-- The answers that held at an instant: one row a participant, wave, response and item.
SELECT
    lower(hex(participant_id)) AS participant,
    wave,
    responded_at,
    instrument,
    item,
    argMax(answer, recorded_at) AS answer
FROM responses FINAL
WHERE recorded_at <= {as_of:DateTime64(6)}
GROUP BY
    participant_id,
    wave,
    responded_at,
    instrument,
    item
ORDER BY
    participant,
    wave,
    responded_at,
    instrument,
    item
