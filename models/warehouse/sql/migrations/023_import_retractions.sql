-- Imports that were taken back; what they said does not hold from then on.
create table if not exists import_retractions (
    import_id String comment 'Import that is taken back',
    recorded_at DateTime64(6, 'UTC') comment 'When it was taken back',
    first UInt64 materialized bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) comment 'Merge version: earlier recorded is greater'
)
engine = ReplacingMergeTree(first)
order by import_id
comment 'Imports of answers that were taken back'
