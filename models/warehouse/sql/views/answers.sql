-- The answers that hold: one row a participant, wave, response and item, without what
-- somebody answered from the day of withdrawing until they came back, as in the panel.
create or replace view answers
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    wave UInt16 comment 'Wave that the newest import or event named',
    responded_at DateTime64(6, 'UTC') comment 'When the questionnaire was sent in',
    instrument LowCardinality(String) comment 'Questionnaire',
    item LowCardinality(String) comment 'Item code, or the code of a scale delivered as a score',
    answer String comment 'Coded answer; empty: asked, not answered'
)
as
select participant_id, wave, responded_at, instrument, item, answer
from answers_as_of(as_of = '2299-01-01 00:00:00') as said
left join
    (
        select
            participant_id as person,
            groupArray(withdrawn_on) as left_on,
            groupArray(ifNull(back_on, toDate('2149-06-06'))) as back_on
        from withdrawals
        group by participant_id
    ) as gone
    on gone.person = said.participant_id
where
    instrument != 'study.consent'
    and not arrayExists(
        (since, until) -> toDate(responded_at, {zone:String}) >= since
        and toDate(responded_at, {zone:String}) < until,
        gone.left_on,
        gone.back_on
    )
comment 'Answers that hold now; one row a participant, wave, response and item'
