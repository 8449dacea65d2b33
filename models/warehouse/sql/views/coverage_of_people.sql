-- For which times the log of each function is known to be complete for participants of
-- whom less is known than of everybody, as derived last. A participant without a row
-- for any function is covered as `coverage` says.
create or replace view coverage_of_people
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    function LowCardinality(String) comment 'Platform function',
    covered_from DateTime64(6, 'UTC') comment 'First instant of the interval',
    covered_until DateTime64(6, 'UTC') comment 'First instant after it; equal to covered_from: nothing is covered',
    study_version String comment 'Version of the study file, as in study_versions',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge'
)
sql security definer
as
select
    lower(hex(person_coverage_intervals.participant_id)) as participant_id,
    function,
    covered_from,
    covered_until,
    study_version,
    as_of
from person_coverage_intervals final
where
    build = (
        select argMax(build, (as_of, finished_at))
        from projection_builds final
        where
            projection = 'coverage_of_people'
            and finished_at > toDateTime64(0, 6, 'UTC')
    )
comment 'When the log is complete for single participants: without rejected events and silent devices of theirs; one row a participant, function and interval'
