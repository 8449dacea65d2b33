-- Take a batch out of the ledger of arrivals: none of it was recorded, its parts
-- follow.
delete from arrivals where recorded_at = {at:DateTime64(6)} and origin = {origin:String}
