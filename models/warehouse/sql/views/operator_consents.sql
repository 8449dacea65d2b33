-- What people said about consent, as known now.
create or replace view operator_consents
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    stated_at DateTime64(6, 'UTC') comment 'When they said so',
    said LowCardinality(String) comment 'given, declined or withdrawn',
    level LowCardinality(String) comment 'What is withdrawn: contact, collection or erase; declined: a no; empty: given',
    version UInt16 comment 'Version of the consent that was given or declined; 0: withdrawn',
    scopes Array(String) comment 'What was agreed to or declined; none: withdrawn'
)
as
select distinct
    participant_id,
    stated_at,
    multiIf(level = '', 'given', level = 'declined', 'declined', 'withdrawn') as said,
    level,
    version,
    scopes
from consents_as_of(as_of = {end_of_time:DateTime64(6)}) as stated
comment 'What people said about consent, by event, roster or survey; one row a statement'
