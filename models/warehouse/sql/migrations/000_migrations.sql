-- Which migrations have run; they only go forward.
create table if not exists migrations (
    name String comment 'File name without its ending',
    applied_at DateTime64(6, 'UTC') comment 'When it ran'
)
engine = ReplacingMergeTree
order by name
comment 'Migrations that have run'
