-- Every version of the study file that was used.
CREATE TABLE IF NOT EXISTS study_versions (
    version String COMMENT 'First 16 hex digits of the SHA-256 of the text',
    text String COMMENT 'The study file as it was',
    recorded_at DateTime64(6, 'UTC') COMMENT 'When it was first used',
    first UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) COMMENT 'Merge version: earlier recorded is greater'
)
ENGINE = ReplacingMergeTree(first)
ORDER BY version
COMMENT 'Study files by version'
