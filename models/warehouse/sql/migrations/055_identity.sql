-- Whose warehouse this is: written with the first rows, compared at every opening.
create table if not exists identity (
    study String comment 'Name of the study, as in its study file',
    namespace String comment 'Namespace of the platform ids, as in the catalogue',
    timezone String comment 'Time zone of the study''s days',
    keys Array(String) comment 'Fingerprint of each key of the pseudonyms, oldest first: 8 hex digits of a hash',
    unverified UInt8 comment '1: there were people already when the keys were recorded, and nobody can say whether these were theirs',
    format String comment 'The newest migration of the program that wrote it',
    program String comment 'Version of that program',
    recorded_at DateTime64(6, 'UTC') comment 'When it was written'
)
engine = ReplacingMergeTree
order by recorded_at
comment 'Whose warehouse this is; the newest row holds'
