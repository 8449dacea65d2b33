-- Dismissals that were taken back; the letters are open again from then on.
create table if not exists dismissal_retractions (
    dismissal_id String comment 'Dismissal that is taken back',
    recorded_at DateTime64(6, 'UTC') comment 'When it was taken back',
    first UInt64 materialized bitNot(toUInt64(toUnixTimestamp64Micro(recorded_at))) comment 'Merge version: earlier recorded is greater'
)
engine = ReplacingMergeTree(first)
order by dismissal_id
comment 'Dismissals of dead letters that were taken back'
