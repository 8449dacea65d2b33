-- First day of enrolment of each participant in each round of the study.
-- A roster study counts `study.enrolled`; one without a roster, any activity.
SELECT
    lower(hex(participant_id)) AS participant,
    round,
    toString(min(day)) AS enrolled_on
FROM (
    SELECT
        participant_id,
        toDate(occurred_at, {zone:String}) AS day
    FROM events FINAL
    WHERE
        recorded_at <= {as_of:DateTime64(6)}
        AND participant_id != toFixedString('', 16)
        AND (event_type = 'study.enrolled' OR {any_activity:Bool})
    UNION ALL
    SELECT
        participant_id,
        toDate(responded_at, {zone:String}) AS day
    FROM responses FINAL
    WHERE recorded_at <= {as_of:DateTime64(6)} AND {any_activity:Bool}
)
ARRAY JOIN {round_starts:Array(Date)} AS starts, {round_ends:Array(Date)} AS ends, {rounds:Array(UInt16)} AS round
WHERE day >= starts AND day < ends
GROUP BY
    participant_id,
    round
ORDER BY
    participant,
    round
