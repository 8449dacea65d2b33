-- Raw answers, append-only: an edited answer is a new row, the newest recorded holds.
create table if not exists responses (
    participant_id FixedString(16) comment 'Keyed hash of the platform user',
    wave UInt16 comment 'Wave the answer was imported for',
    responded_at DateTime64(6, 'UTC') comment 'When the questionnaire was sent in',
    instrument LowCardinality(String) comment 'Questionnaire',
    item LowCardinality(String) comment 'Item code, or the code of a scale delivered as a score',
    answer LowCardinality(String) comment 'Coded answer; empty: asked, not answered',
    origin String comment 'File name of the import',
    recorded_at DateTime64(6, 'UTC') comment 'When it became part of the warehouse',
    first UInt64 materialized bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) comment 'Merge version: earlier recorded is greater'
)
engine = ReplacingMergeTree(first)
order by (participant_id, wave, responded_at, instrument, item, answer)
comment 'Raw questionnaire answers; scores are derived, never stored'
