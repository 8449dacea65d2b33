-- Who withdrew from collection, or asked for erasure.
create or replace view withdrawals
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    withdrawn_on Date comment 'Study-local day from which nothing of theirs counts'
)
as
select
    lower(hex(events.participant_id)) as participant_id,
    min(toDate(occurred_at, {zone:String})) as withdrawn_on
from events final
where
    event_type = 'study.consent_withdrawn'
    and JSONExtractString(data, 'level') in ('collection', 'erase')
group by events.participant_id
comment 'Since which day what somebody does is left out; one row a person who withdrew'
