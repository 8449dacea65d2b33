-- What the views were last made from: they are made again only where that has changed.
create table if not exists view_definitions (
    kind LowCardinality(String) comment 'Folder of the views: as_of or views',
    hash String comment 'Hash of their statements, and of the names of the migrations below them',
    created_at DateTime64(6, 'UTC') comment 'When they were made'
)
engine = ReplacingMergeTree(created_at)
order by kind
comment 'Hashes of what the views were made from; the newest of each kind holds'
