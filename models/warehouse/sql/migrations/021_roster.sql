-- What roster files said of people, append-only: a person's newest row holds.
create table if not exists roster (
    participant_id FixedString(16) comment 'Keyed hash of the platform user',
    account LowCardinality(String) comment 'participant, or test or staff: an account to leave out',
    enrolled_at Array(DateTime64(6, 'UTC')) comment 'Study-local midnight of each day of enrolment; several: in several rounds',
    cohort Array(String) comment 'Group of each enrolment; empty: none',
    consented_at Array(DateTime64(6, 'UTC')) comment 'When the person agreed, each time',
    consent_version Array(UInt16) comment 'Version of each consent',
    consent_scopes Array(Array(String)) comment 'What was agreed to, each time',
    invited_waves Array(UInt16) comment 'Waves that the person was invited to',
    recorded_at DateTime64(6, 'UTC') comment 'When it became part of the warehouse'
)
engine = ReplacingMergeTree
order by (participant_id, recorded_at)
comment 'Statements of roster files, one row a person and change; the newest holds'
