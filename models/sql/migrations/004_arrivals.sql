-- What arrived, batch by batch: received = accepted + rejected + refused.
CREATE TABLE IF NOT EXISTS arrivals (
    recorded_at DateTime64(6, 'UTC') COMMENT 'Same as of the rows of the batch',
    origin String COMMENT 'File name, or stdin',
    accepted UInt64 COMMENT 'Events that went to the log',
    rejected UInt64 COMMENT 'Events that went to the dead letters',
    refused UInt64 COMMENT 'Events of people who withdrew from collection'
)
ENGINE = MergeTree
ORDER BY recorded_at
COMMENT 'Ledger of batches; written before their rows, so that a retry never makes the counts fall short'
