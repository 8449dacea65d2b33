-- Take a batch out of the ledger of arrivals: none of it was recorded. Its parts
-- follow, or it is entered again at a later instant.
delete from arrivals where recorded_at = {at:DateTime64(6)} and origin = {origin:String}
