-- The answers that hold: one row a participant, wave, response and item.
CREATE OR REPLACE VIEW answers AS
SELECT
    lower(hex(participant_id)) AS participant_id,
    wave,
    responded_at,
    instrument,
    item,
    argMax(answer, recorded_at) AS answer
FROM responses FINAL
GROUP BY
    participant_id,
    wave,
    responded_at,
    instrument,
    item
