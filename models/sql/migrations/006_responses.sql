-- Raw answers, append-only: an edited answer is a new row, the newest recorded holds.
CREATE TABLE IF NOT EXISTS responses (
    participant_id FixedString(16) COMMENT 'Keyed hash of the platform user',
    wave UInt16 COMMENT 'Wave the answer was imported for',
    responded_at DateTime64(6, 'UTC') COMMENT 'When the questionnaire was sent in',
    instrument LowCardinality(String) COMMENT 'Questionnaire',
    item LowCardinality(String) COMMENT 'Item code, or the code of a scale delivered as a score',
    answer LowCardinality(String) COMMENT 'Coded answer; empty: asked, not answered',
    origin String COMMENT 'File name of the import',
    recorded_at DateTime64(6, 'UTC') COMMENT 'When it became part of the warehouse',
    first UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) COMMENT 'Merge version: earlier recorded is greater'
)
ENGINE = ReplacingMergeTree(first)
ORDER BY (participant_id, wave, responded_at, instrument, item, answer)
COMMENT 'Raw questionnaire answers; scores are derived, never stored'
