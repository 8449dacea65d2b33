-- What is derived is written as builds; readers see the newest that is complete.
create table if not exists projection_builds (
    `projection` LowCardinality(String) comment 'What it is a build of: exposure_windows, coverage, fact_exposure',
    build String comment 'Name of the build; its rows carry it',
    study_version String comment 'Hash of the study file, its catalogue and its instruments',
    code_hash String comment 'Hash of the program that derived it',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge it was derived from',
    started_at DateTime64(6, 'UTC') comment 'When it was begun',
    finished_at DateTime64(6, 'UTC') comment 'When it was complete; 1970: it is not'
)
engine = ReplacingMergeTree(finished_at)
order by (projection, build)
comment 'Builds of what is derived; of those that are complete the one with the greatest as_of holds'
