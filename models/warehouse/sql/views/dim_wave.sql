-- The study's waves.
create or replace view dim_wave
(
    wave UInt16 comment 'Wave',
    wave_index UInt16 comment 'Position of the wave, from 0',
    round UInt16 comment 'Round in which people enrol',
    opens_on Nullable(Date) comment 'First study-local day; null: counted from enrolment',
    closes_on Nullable(Date) comment 'Last study-local day; null: counted from enrolment',
    opens_after_days Nullable(UInt16) comment 'Days from enrolment to the first day; null: a day of the calendar',
    open_days Nullable(UInt16) comment 'How many days the wave is open; null: a day of the calendar',
    study_version String comment 'Version of the study file, as in study_versions',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge'
)
sql security definer
as
select
    wave,
    wave_index,
    round,
    opens_on,
    closes_on,
    opens_after_days,
    open_days,
    study_version,
    as_of
from study_waves final
where
    build = (
        select argMax(build, (as_of, finished_at))
        from projection_builds final
        where projection = 'waves' and finished_at > toDateTime64(0, 6, 'UTC')
    )
comment 'Waves of the study; one row a wave'
