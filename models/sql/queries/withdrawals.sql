-- Who withdrew from collection, and since when nothing of theirs is taken.
SELECT
    participant_id,
    min(occurred_at) AS withdrawn_at
FROM events FINAL
WHERE
    event_type = 'study.consent_withdrawn'
    AND JSONExtractString(data, 'level') IN ('collection', 'erase')
GROUP BY participant_id
