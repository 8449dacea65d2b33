-- What a study was read from: the texts of each version of it, and of each mapping.
create table if not exists study_texts (
    version String comment 'Version of the study as in study_versions; of a mapping its hash as in imports',
    kind LowCardinality(String) comment 'study, catalogue, instrument or mapping',
    name String comment 'Name by which the study file calls it',
    text String comment 'The file as it was; of a mapping what it says, as JSON',
    sha256 String comment 'Hash of the text',
    recorded_at DateTime64(6, 'UTC') comment 'When it was first used',
    first UInt64 materialized bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) comment 'Merge version: earlier recorded is greater'
)
engine = ReplacingMergeTree(first)
order by (version, kind, name)
comment 'Texts of study files, catalogues, instruments and mappings by version'
