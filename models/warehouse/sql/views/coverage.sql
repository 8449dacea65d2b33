-- For which times the log of each function is known to be whole, as derived last.
create or replace view coverage
(
    function LowCardinality(String) comment 'Platform function',
    covered_from DateTime64(6, 'UTC') comment 'First instant of the interval',
    covered_until DateTime64(6, 'UTC') comment 'First instant after it',
    study_version String comment 'Version of the study file, as in study_versions',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge'
)
sql security definer
as
select function, covered_from, covered_until, study_version, as_of
from coverage_intervals final
where
    build = (
        select argMax(build, (as_of, finished_at))
        from projection_builds final
        where projection = 'coverage' and finished_at > toDateTime64(0, 6, 'UTC')
    )
comment 'When the log is known to be whole: heartbeats or the study file, less outages; one row a function and interval'
