-- A projection: the times for which the log of each function is known to be whole.
create table if not exists coverage_intervals (
    build String comment 'Build in projection_builds that the row belongs to',
    study_version String comment 'Hash of the study file, its catalogue and its instruments',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge',
    function LowCardinality(String) comment 'Platform function',
    covered_from DateTime64(6, 'UTC') comment 'First instant of the interval',
    covered_until DateTime64(6, 'UTC') comment 'First instant after it'
)
engine = ReplacingMergeTree
order by (build, function, covered_from)
comment 'Times for which the log is whole, of every build; derived, read it through coverage'
