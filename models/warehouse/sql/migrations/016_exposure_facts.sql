-- A projection: measured use of each participant, wave and function.
create table if not exists exposure_facts (
    build String comment 'Build in projection_builds that the row belongs to',
    study_version String comment 'Hash of the study file, its catalogue and its instruments',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge',
    window LowCardinality(String) comment 'Kind of window: between_waves, between_responses, lookback_<days>',
    participant_id FixedString(16) comment 'Keyed hash of the platform user',
    wave UInt16 comment 'Wave',
    function LowCardinality(String) comment 'Platform function',
    window_start Nullable(DateTime64(6, 'UTC')) comment 'First instant of the window; null: no window',
    window_end Nullable(DateTime64(6, 'UTC')) comment 'First instant after the window; null: no window',
    observed_days Nullable(Float64) comment 'Days of the window that consent and the log of this function cover; null: no window',
    event_count Nullable(Float64) comment 'Events, prorated where the study file says so; null: not known',
    active_days Nullable(Float64) comment 'Study-local days with an event, prorated likewise; null: not known',
    days_per_week Nullable(Float64) comment 'Active days a week of observed time; null: not known',
    frequency Nullable(UInt8) comment 'The six answers of the survey, 0 never to 5 almost every day; null: not known'
)
engine = ReplacingMergeTree
order by (build, window, participant_id, wave, function)
comment 'Measured use, of every build; derived, read it through fact_exposure'
