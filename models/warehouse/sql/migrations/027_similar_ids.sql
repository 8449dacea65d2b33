-- Ids of rosters without case, blanks, hyphens and leading zeros, as keyed hashes: they
-- tell that an unknown id of an export is nearly that of a person.
create table if not exists similar_ids (
    participant_id FixedString(16) comment 'Keyed hash of the platform user',
    similar_id FixedString(16) comment 'Keyed hash of the folded id; people whose ids look alike share it',
    recorded_at DateTime64(6, 'UTC') comment 'When it became part of the warehouse'
)
engine = ReplacingMergeTree
order by participant_id
comment 'What the ids of enrolled people look like, one row a person'
