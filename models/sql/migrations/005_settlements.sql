-- Up to which instant conflicts have been moved out of the log.
CREATE TABLE IF NOT EXISTS settlements (
    settled_at DateTime64(6, 'UTC') COMMENT 'Every event recorded up to here is settled'
)
ENGINE = MergeTree
ORDER BY settled_at
COMMENT 'Watermarks of settling; the greatest holds'
