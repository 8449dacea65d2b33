-- Measured use of each participant, wave and function, as derived last.
create or replace view fact_exposure
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    wave UInt16 comment 'Wave',
    function LowCardinality(String) comment 'Platform function',
    window LowCardinality(String) comment 'Kind of window: between_waves, between_responses, lookback_<days>',
    window_start Nullable(DateTime64(6, 'UTC')) comment 'First instant of the window; null: no window',
    window_end Nullable(DateTime64(6, 'UTC')) comment 'First instant after it; null: no window',
    observed_days Nullable(Float64) comment 'Days of the window that consent and the log of this function cover; null: no window',
    event_count Nullable(Float64) comment 'Events, prorated where the study file says so; null: not known',
    active_days Nullable(Float64) comment 'Study-local days with an event, prorated likewise; null: not known',
    days_per_week Nullable(Float64) comment 'Active days a week of observed time; null: not known',
    frequency Nullable(UInt8) comment 'The six answers of the survey, 0 never to 5 almost every day; null: not known',
    study_version String comment 'Version of the study file, as in study_versions',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge'
)
sql security definer
as
select
    lower(hex(exposure_facts.participant_id)) as participant_id,
    wave,
    function,
    window,
    window_start,
    window_end,
    observed_days,
    event_count,
    active_days,
    days_per_week,
    frequency,
    study_version,
    as_of
from exposure_facts final
where
    build = (
        select argMax(build, (as_of, finished_at))
        from projection_builds final
        where projection = 'fact_exposure' and finished_at > toDateTime64(0, 6, 'UTC')
    )
comment 'Measured use as in the panel; one row a participant, wave, function and kind of window'
