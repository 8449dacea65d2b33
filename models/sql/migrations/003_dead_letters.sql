-- What was rejected: reason, field and place, never a value.
CREATE TABLE IF NOT EXISTS dead_letters (
    reason LowCardinality(String) COMMENT 'Why the event was rejected',
    field LowCardinality(String) COMMENT 'Attribute or data field at fault; empty: the whole',
    origin String COMMENT 'File name, or stdin',
    line UInt64 COMMENT '1-based line in the origin',
    batch_index Nullable(UInt32) COMMENT '0-based index where the line is a batch; null: a single event',
    recorded_at DateTime64(6, 'UTC') COMMENT 'When the rejection was recorded',
    first UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) COMMENT 'Merge version: earlier recorded is greater'
)
ENGINE = ReplacingMergeTree(first)
ORDER BY (origin, line, ifNull(batch_index, 4294967295), reason, field)
COMMENT 'Rejected events by place; the payload stays where it came from'
