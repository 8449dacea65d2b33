-- What was rejected: reason, field and place, never a value.
create table if not exists dead_letters (
    reason LowCardinality(String) comment 'Why the event was rejected',
    field LowCardinality(String) comment 'Attribute or data field at fault; empty: the whole',
    origin String comment 'File name, or stdin',
    line UInt64 comment '1-based line in the origin',
    batch_index Nullable(UInt32) comment '0-based index where the line is a batch; null: a single event',
    recorded_at DateTime64(6, 'UTC') comment 'When the rejection was recorded',
    first UInt64 materialized bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) comment 'Merge version: earlier recorded is greater'
)
engine = ReplacingMergeTree(first)
order by (origin, line, ifNull(batch_index, 4294967295), reason, field)
comment 'Rejected events by place; the payload stays where it came from'
