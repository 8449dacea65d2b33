-- Parts of a build that are written: one that was broken off goes on after them.
create table if not exists projection_chunks (
    `projection` LowCardinality(String) comment 'What it is a build of',
    build String comment 'Name of the build',
    chunk String comment 'Window, wave or function that the part is for',
    written_at DateTime64(6, 'UTC') comment 'When all its rows were there'
)
engine = ReplacingMergeTree
order by (projection, build, chunk)
comment 'Parts of builds that are written'
