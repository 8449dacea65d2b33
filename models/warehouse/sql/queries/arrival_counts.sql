-- What arrived until an instant and what became of it: received = accepted + rejected
-- + refused, and accepted = stored + duplicate + conflicting.
select
    (
        select sum(accepted) from arrivals where recorded_at <= {as_of:DateTime64(6)}
    ) as accepted,
    (
        select sum(rejected) from arrivals where recorded_at <= {as_of:DateTime64(6)}
    ) as rejected,
    (
        select sum(refused) from arrivals where recorded_at <= {as_of:DateTime64(6)}
    ) as refused,
    (
        select count() from events final where recorded_at <= {as_of:DateTime64(6)}
    ) as stored,
    (
        select count()
        from event_conflicts final
        where recorded_at <= {as_of:DateTime64(6)}
    ) as conflicting,
    accepted + rejected + refused as received,
    toInt64(accepted) - toInt64(stored) - toInt64(conflicting) as duplicate
