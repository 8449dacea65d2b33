-- A projection: the windows of one panel, planned from the study file.
create table if not exists exposure_windows (
    panel String comment 'Hash of study version, as-of and kind of window',
    participant_id FixedString(16) comment 'Keyed hash of the platform user',
    wave UInt16 comment 'Wave',
    start_on Date comment 'First study-local day of the window',
    end_on Date comment 'Day after the last; equal to start_on: no window'
)
engine = ReplacingMergeTree
order by (panel, participant_id, wave)
comment 'Windows in study-local days; derived, may be dropped and planned again'
