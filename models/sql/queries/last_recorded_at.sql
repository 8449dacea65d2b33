-- The last instant given to any batch, present or collapsed: the clock goes on from
-- here.
select
    greatest(
        (select max(recorded_at) from arrivals),
        (select max(recorded_at) from responses)
    ) as last
