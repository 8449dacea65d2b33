-- Every version of the study file that was used.
create table if not exists study_versions (
    version String comment 'Hash of the study file, its catalogue and its instruments',
    text String comment 'The study file as it was',
    recorded_at DateTime64(6, 'UTC') comment 'When it was first used',
    first UInt64 materialized bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) comment 'Merge version: earlier recorded is greater'
)
engine = ReplacingMergeTree(first)
order by version
comment 'Study files by version'
