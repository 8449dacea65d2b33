-- The append-only log of accepted events.
-- The version `first` is the complement of `recorded_at`, so the row that was
-- recorded first survives every merge, and reading as of an instant commutes
-- with FINAL. The whole content ends the sort key: a repeated event collapses,
-- one with other content under the same (source, id) stays until it is settled.
create table if not exists events (
    source LowCardinality(String) comment 'CloudEvents source; with id, the identity of the event',
    id String comment 'CloudEvents id, unique within the source',
    event_type LowCardinality(String) comment 'CloudEvents type, as in the catalogue',
    function LowCardinality(String) comment 'Platform function it counts towards; empty: none',
    participant_id FixedString(16) comment 'Keyed hash of the platform user; zeros: names nobody',
    occurred_at DateTime64(6, 'UTC') codec(Delta, ZSTD(1)) comment 'When the act took place, as sent',
    sent_at Nullable(DateTime64(6, 'UTC')) codec(ZSTD(1)) comment 'Clock of the sender when sending; null: not told',
    received_at DateTime64(6, 'UTC') codec(Delta, ZSTD(1)) comment 'First clock of ours that saw it',
    recorded_at DateTime64(6, 'UTC') codec(Delta, ZSTD(1)) comment 'When it became part of the log; one value a batch, increasing',
    schema_version UInt8 comment 'Version of the data fields',
    data String codec(ZSTD(1)) comment 'Closed fields of the event as canonical JSON',
    first UInt64 materialized bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) comment 'Merge version: earlier recorded is greater'
)
engine = ReplacingMergeTree(first)
order by (participant_id, function, occurred_at, source, id, event_type, schema_version, data)
comment 'Append-only log of accepted events; read it with FINAL, or through platform_events'
