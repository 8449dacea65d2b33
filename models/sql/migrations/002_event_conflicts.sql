-- Events whose (source, id) was taken by other content before; kept apart, counted.
CREATE TABLE IF NOT EXISTS event_conflicts (
    source LowCardinality(String) COMMENT 'CloudEvents source; with id, the identity of the event',
    id String COMMENT 'CloudEvents id, unique within the source',
    event_type LowCardinality(String) COMMENT 'CloudEvents type, as in the catalogue',
    function LowCardinality(String) COMMENT 'Platform function it counts towards; empty: none',
    participant_id FixedString(16) COMMENT 'Keyed hash of the platform user; zeros: names nobody',
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the act took place, as sent',
    sent_at Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)) COMMENT 'Clock of the sender when sending; null: not told',
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'First clock of ours that saw it',
    recorded_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it became part of the log; one value a batch, increasing',
    schema_version UInt8 COMMENT 'Version of the data fields',
    data String CODEC(ZSTD(1)) COMMENT 'Closed fields of the event as canonical JSON',
    first UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) COMMENT 'Merge version: earlier recorded is greater'
)
ENGINE = ReplacingMergeTree(first)
ORDER BY (participant_id, function, occurred_at, source, id, event_type, schema_version, data)
COMMENT 'Later events under a (source, id) that was recorded before with other content'
