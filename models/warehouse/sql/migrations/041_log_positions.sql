-- How far the topics of events have been read, once a minute.
create table if not exists log_positions (
    topic String comment 'Topic of the events',
    partition UInt32 comment 'Partition of the topic',
    topic_id String comment 'What tells a topic from a later one of the same name',
    next_offset UInt64 comment 'Offset up to which everything was stored',
    last_time Nullable(DateTime64(3, 'UTC')) comment 'Time of the last record before that; null: none was read',
    recorded_at DateTime64(6, 'UTC') comment 'When this was so'
)
engine = ReplacingMergeTree(recorded_at)
order by (topic, partition)
comment 'How far each partition was read; with a topic, or a group, its commits are deleted too'
