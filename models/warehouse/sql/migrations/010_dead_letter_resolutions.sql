-- Dead letters that were taken in later; append-only, a row has the letter's own key.
create table if not exists dead_letter_resolutions (
    reason LowCardinality(String) comment 'Why the event had been rejected',
    field LowCardinality(String) comment 'Attribute or data field that was at fault',
    origin String comment 'File name, stdin, or topic[partition]',
    line UInt64 comment '1-based line in a file, or offset in a partition',
    batch_index Nullable(UInt32) comment '0-based index where it was in a batch; null: a single event',
    resolved_at DateTime64(6, 'UTC') comment 'When it was sent down the path again and not rejected for this reason',
    first UInt64 materialized bitNot(toUInt64(toUnixTimestamp64Micro(resolved_at))) comment 'Merge version: earlier resolved is greater'
)
engine = ReplacingMergeTree(first)
order by (origin, line, ifNull(batch_index, 4294967295), reason, field)
comment 'Dead letters that are settled'
