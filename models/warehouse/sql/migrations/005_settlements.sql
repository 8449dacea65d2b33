-- Up to which instant conflicts have been moved out of the log.
create table if not exists settlements (
    settled_at DateTime64(6, 'UTC') comment 'Every event recorded up to here is settled'
)
engine = MergeTree
order by settled_at
comment 'Watermarks of settling; the greatest holds'
