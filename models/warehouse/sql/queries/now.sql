-- The warehouse's own clock.
select now64(6, 'UTC') as now
