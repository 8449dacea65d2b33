-- Which batches are here as a whole: a reader waits for none that may still be written.
create table if not exists completions (
    recorded_at DateTime64(6, 'UTC') comment 'Same as in arrivals; written after the last row of the batch'
)
engine = MergeTree
order by recorded_at
comment 'Batches that are here as a whole; one in arrivals that is not may still be running'
