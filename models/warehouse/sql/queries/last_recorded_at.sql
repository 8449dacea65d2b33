-- The last instant given to any batch, present or collapsed. The clock of the ledger
-- goes on from there.
select
    greatest(
        (select max(recorded_at) from arrivals),
        (select max(recorded_at) from roster),
        (select max(recorded_at) from merges),
        (select max(recorded_at) from imports),
        (select max(recorded_at) from import_retractions),
        (select max(resolved_at) from dead_letter_resolutions),
        (select max(recorded_at) from dead_letter_dismissals),
        (select max(recorded_at) from dismissal_retractions)
    ) as last
