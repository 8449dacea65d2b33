-- Every plan that was locked, in full; none is ever changed.
create table if not exists plan_locks (
    hash String comment 'Hash of what is frozen',
    frozen String comment 'What decides the confirmatory results, as JSON: specification, key of the study file, value',
    study_version String comment 'Version of the study file, as in study_versions',
    text String comment 'The study file as it was',
    responses UInt64 comment 'Responses that had come in',
    locked_at DateTime64(6, 'UTC') comment 'When it was locked'
)
engine = ReplacingMergeTree
order by (locked_at, hash)
comment 'Plans by the time at which they were locked; the newest holds'
