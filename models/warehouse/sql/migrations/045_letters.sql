-- A letter is known by the content it came from, and each time that its place was read
-- is a row of its own: what was settled once can be rejected again. Letters of before
-- have neither; their place stands for the content, and what they make unknown is all.
alter table dead_letters
add column if not exists origin_id String comment 'Content it came from: SHA-256 of the file, topic and its first offset, run that read stdin; empty: known by origin' after field,
add column if not exists arrival DateTime64(6, 'UTC') comment 'Batch it came in, as in arrivals; 1970: recorded before this was kept' after path,
add column if not exists event_key FixedString(16) comment 'Hash of source and id; zeros: cannot be read' after arrival,
add column if not exists event_type LowCardinality(String) comment 'CloudEvents type; unknown:<hash> where the catalogue does not have it; empty: cannot be read' after event_key,
add column if not exists function LowCardinality(String) comment 'Platform function of the type; empty: none' after event_type,
add column if not exists every_function UInt8 comment '1: its type is not in the catalogue or cannot be read, so that any function may be concerned' after function,
add column if not exists participant_id FixedString(16) comment 'Keyed hash of the platform user; zeros: cannot be read' after every_function,
add column if not exists unknown_from DateTime64(6, 'UTC') comment 'Start of the time that it makes unknown' after participant_id,
add column if not exists unknown_until DateTime64(6, 'UTC') comment 'End of the time that it makes unknown; not part of it' after unknown_from,
comment column origin 'File name, stdin, topic[partition], or collector/request',
comment column line '1-based line in a file or request, or offset in a partition',
modify order by (origin, line, ifNull(batch_index, 4294967295), reason, field, origin_id, arrival)
