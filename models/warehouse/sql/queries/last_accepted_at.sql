-- The last instant given to a batch that had events for the log; it is in the ledger
-- before any of them is in the log.
select max(recorded_at) as last from arrivals where accepted > 0
