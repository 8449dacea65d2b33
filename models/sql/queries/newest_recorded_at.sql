-- The newest instant at which anything present was recorded: the default as-of. An
-- import that had nothing new leaves it where it is.
select
    greatest(
        (select max(recorded_at) from events final),
        (select max(recorded_at) from responses final),
        (select max(recorded_at) from roster),
        (select max(recorded_at) from import_retractions)
    ) as newest
