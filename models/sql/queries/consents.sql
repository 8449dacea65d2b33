-- When each participant had agreed to all required scopes, and when they withdrew.
SELECT
    lower(hex(participant_id)) AS participant,
    toString(minIf(
        toDate(occurred_at, {zone:String}),
        event_type = 'study.consent_given'
        AND hasAll(JSONExtract(data, 'scopes', 'Array(String)'), {scopes:Array(String)})
    )) AS consented_on,
    toString(minIf(
        toDate(occurred_at, {zone:String}),
        event_type = 'study.consent_withdrawn'
        AND JSONExtractString(data, 'level') IN ('collection', 'erase')
    )) AS withdrawn_on
FROM events FINAL
WHERE
    recorded_at <= {as_of:DateTime64(6)}
    AND event_type IN ('study.consent_given', 'study.consent_withdrawn')
GROUP BY participant_id
ORDER BY participant
