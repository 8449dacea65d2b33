-- One row for everybody the warehouse knows of.
CREATE OR REPLACE VIEW dim_participant AS
SELECT
    lower(hex(participant_id)) AS participant_id,
    minIf(occurred_at, event_type = 'study.enrolled') AS enrolled_at,
    argMaxIf(JSONExtractString(data, 'group'), occurred_at, event_type = 'study.enrolled') AS cohort,
    minIf(occurred_at, event_type = 'study.consent_given') AS consented_at,
    minIf(occurred_at, event_type = 'study.consent_withdrawn') AS withdrawn_at,
    countIf(function != '') AS event_count
FROM events FINAL
WHERE participant_id != toFixedString('', 16)
GROUP BY participant_id
