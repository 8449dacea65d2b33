-- What arrived, batch by batch: received = accepted + rejected + refused.
create table if not exists arrivals (
    recorded_at DateTime64(6, 'UTC') comment 'Same as of the rows of the batch',
    origin String comment 'File name, or stdin',
    accepted UInt64 comment 'Events that went to the log',
    rejected UInt64 comment 'Events that went to the dead letters',
    refused UInt64 comment 'Events of people who withdrew from collection'
)
engine = MergeTree
order by recorded_at
comment 'Ledger of batches; written before their rows, so that a retry never makes the counts fall short'
