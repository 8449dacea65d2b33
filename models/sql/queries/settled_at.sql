-- The instant up to which the log is settled, and the last one recorded.
SELECT
    (SELECT max(settled_at) FROM settlements) AS since,
    (SELECT max(recorded_at) FROM events) AS until
