-- A resolution names the letter by its whole key, and up to which row of it.
alter table dead_letter_resolutions
add column if not exists origin_id String comment 'Content the letter came from; empty: known by origin' after field,
add column if not exists recorded_at DateTime64(6, 'UTC') comment 'Newest row of the letter that is settled; 1970: all that were recorded until resolved_at' after batch_index,
modify order by (origin, line, ifNull(batch_index, 4294967295), reason, field, origin_id, recorded_at)
