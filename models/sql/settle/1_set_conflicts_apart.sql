-- Of several contents under one (source, id) the first recorded stays; copy the others.
INSERT INTO event_conflicts (
    source, id, event_type, function, participant_id, occurred_at, sent_at,
    received_at, recorded_at, schema_version, data
)
SELECT
    source, id, event_type, function, participant_id, occurred_at, sent_at,
    received_at, recorded_at, schema_version, data
FROM (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY source, id
            ORDER BY recorded_at, cityHash64(participant_id, occurred_at, event_type, schema_version, data)
        ) AS place
    FROM events FINAL
    WHERE cityHash64(source, id) IN (
        SELECT cityHash64(source, id) AS identity
        FROM events
        WHERE
            recorded_at <= {until:DateTime64(6)}
            AND identity IN (
                SELECT cityHash64(source, id)
                FROM events
                WHERE recorded_at > {since:DateTime64(6)} AND recorded_at <= {until:DateTime64(6)}
            )
        GROUP BY identity
        HAVING
            min(cityHash64(participant_id, occurred_at, event_type, schema_version, data))
            != max(cityHash64(participant_id, occurred_at, event_type, schema_version, data))
    )
)
WHERE place > 1
