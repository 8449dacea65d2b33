-- A projection: the same as coverage_intervals, of participants of whom less is known.
create table if not exists person_coverage_intervals (
    build String comment 'Build in projection_builds that the row belongs to',
    study_version String comment 'Hash of the study file, its catalogue and its instruments',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge',
    participant_id FixedString(16) comment 'Keyed hash of the platform user',
    function LowCardinality(String) comment 'Platform function',
    covered_from DateTime64(6, 'UTC') comment 'First instant of the interval',
    covered_until DateTime64(6, 'UTC') comment 'First instant after it'
)
engine = ReplacingMergeTree
order by (build, function, participant_id, covered_from)
comment 'Times for which the log is complete for one person, of every build; derived, read it through coverage_of_people'
