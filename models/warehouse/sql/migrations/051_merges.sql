-- Which ids are one person, append-only: an id's newest row holds.
create table if not exists merges (
    alias FixedString(16) comment 'Keyed hash of a platform id',
    person FixedString(16) comment 'Keyed hash of the id under which the person counts; alias itself: under this one',
    same_as FixedString(16) comment 'The other id of the statement about this one; alias itself: none holds',
    stated_at DateTime64(6, 'UTC') comment 'When that was stated, or undone; 1970: nothing was stated about this id',
    line UInt32 comment 'Row of the file that states it; 0: a command',
    origin String comment 'File or command that states it',
    links Array(String) comment 'Keyed hashes of the link files that state it, as in imports; empty: a command or a file of pairs does',
    recorded_at DateTime64(6, 'UTC') comment 'When it became part of the warehouse'
)
engine = ReplacingMergeTree
order by (alias, recorded_at)
comment 'Statements that two ids are one person, one row an id and change; the newest holds'
