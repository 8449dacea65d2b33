-- What arrived until an instant and what became of it:
-- received = accepted + rejected + refused, accepted = stored + duplicate + conflicting.
SELECT
    (SELECT sum(accepted) FROM arrivals WHERE recorded_at <= {as_of:DateTime64(6)}) AS accepted,
    (SELECT sum(rejected) FROM arrivals WHERE recorded_at <= {as_of:DateTime64(6)}) AS rejected,
    (SELECT sum(refused) FROM arrivals WHERE recorded_at <= {as_of:DateTime64(6)}) AS refused,
    (SELECT count() FROM events FINAL WHERE recorded_at <= {as_of:DateTime64(6)}) AS stored,
    (SELECT count() FROM event_conflicts FINAL WHERE recorded_at <= {as_of:DateTime64(6)}) AS conflicting,
    accepted + rejected + refused AS received,
    toInt64(accepted) - toInt64(stored) - toInt64(conflicting) AS duplicate
