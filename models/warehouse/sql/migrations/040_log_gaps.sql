-- Records of Kafka that no worker can read any more; append-only.
create table if not exists log_gaps (
    topic String comment 'Topic of the events',
    partition UInt32 comment 'Partition of the topic',
    from_offset UInt64 comment 'First offset that was to be read next',
    until_offset UInt64 comment 'First offset that could be read again; not after from_offset where the log was made again and the number of lost records cannot be known',
    unknown_from DateTime64(6, 'UTC') comment 'Time of the last record read before the gap; 1970-01-01: none is known',
    unknown_until DateTime64(6, 'UTC') comment 'Time of the first record after the gap, else when the gap was recorded; exclusive',
    reason LowCardinality(String) comment 'retention: deleted unread; topic_recreated: another topic of the same name; log_lost: the log ends below what had been read, or holds other records there',
    recorded_at DateTime64(6, 'UTC') comment 'When the gap was recorded',
    first UInt64 materialized bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) comment 'Merge version: earlier recorded is greater'
)
engine = ReplacingMergeTree(first)
order by (topic, partition, from_offset, until_offset, reason, unknown_from)
comment 'Gaps of the log: events of this time may be missing, of everybody and every function'
