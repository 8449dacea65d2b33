-- A projection: the windows of one panel, planned from the study file.
CREATE TABLE IF NOT EXISTS exposure_windows (
    panel String COMMENT 'Hash of study version, as-of and kind of window',
    participant_id FixedString(16) COMMENT 'Keyed hash of the platform user',
    wave UInt16 COMMENT 'Wave',
    start_on Date COMMENT 'First study-local day of the window',
    end_on Date COMMENT 'Day after the last; equal to start_on: no window'
)
ENGINE = ReplacingMergeTree
ORDER BY (panel, participant_id, wave)
COMMENT 'Windows in study-local days; derived, may be dropped and planned again'
