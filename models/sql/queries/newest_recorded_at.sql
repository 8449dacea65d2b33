-- The newest instant at which anything present was recorded: the default as-of.
select
    greatest(
        (select max(recorded_at) from events final),
        (select max(recorded_at) from responses final)
    ) as newest
