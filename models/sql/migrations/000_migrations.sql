-- Which migrations have run; they only go forward.
CREATE TABLE IF NOT EXISTS migrations (
    name String COMMENT 'File name without its ending',
    applied_at DateTime64(6, 'UTC') COMMENT 'When it ran'
)
ENGINE = ReplacingMergeTree
ORDER BY name
COMMENT 'Migrations that have run'
