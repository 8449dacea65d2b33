-- The last instant given to any batch, present or collapsed: the clock goes on from here.
SELECT greatest(
    (SELECT max(recorded_at) FROM arrivals),
    (SELECT max(recorded_at) FROM responses)
) AS last
