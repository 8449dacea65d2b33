-- The newest instant at which anything present was recorded: the default as-of.
SELECT greatest(
    (SELECT max(recorded_at) FROM events FINAL),
    (SELECT max(recorded_at) FROM responses FINAL)
) AS newest
