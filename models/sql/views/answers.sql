-- The answers that hold: one row a participant, wave, response and item, without what
-- somebody answered from the day of withdrawing, as in the panel.
create or replace view answers
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    wave UInt16 comment 'Wave the answer was imported for',
    responded_at DateTime64(6, 'UTC') comment 'When the questionnaire was sent in',
    instrument LowCardinality(String) comment 'Questionnaire',
    item LowCardinality(String) comment 'Item code, or the code of a scale delivered as a score',
    answer String comment 'Coded answer; empty: asked, not answered'
)
as
select
    lower(hex(responses.participant_id)) as participant_id,
    wave,
    responded_at,
    instrument,
    item,
    argMax(answer, recorded_at) as answer
from responses final
left join
    (
        select toFixedString(unhex(participant_id), 16) as person, withdrawn_on
        from withdrawals
    ) as gone
    on gone.person = responses.participant_id
where
    gone.person = toFixedString('', 16)
    or toDate(responded_at, {zone:String}) < gone.withdrawn_on
group by responses.participant_id, wave, responded_at, instrument, item
comment 'Answers that hold now; one row a participant, wave, response and item'
