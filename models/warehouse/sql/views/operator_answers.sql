-- The answers that hold: one row a participant, wave, response and item, without what
-- somebody answered from the day of withdrawing until they came back, as in the panel.
create or replace view operator_answers
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    wave UInt16 comment 'Wave that the newest import or event named',
    response String comment 'What tells a response from others of the person: keyed hash of the survey tool''s id within its source, else the second',
    responded_at DateTime64(6, 'UTC') comment 'When the questionnaire was sent in',
    instrument LowCardinality(String) comment 'Questionnaire',
    item LowCardinality(String) comment 'Item code, or the code of a scale delivered as a score',
    answer String comment 'Coded answer; empty: asked, not answered'
)
as
select held.participant_id as participant_id, wave, response, responded_at, instrument, item, answer
from answers_as_of(as_of = {end_of_time:DateTime64(6)}) as held
left join
    (select participant_id, periods from operator_withdrawn_periods) as withdrawn
    on withdrawn.participant_id = held.participant_id
where
    instrument != 'study.consent'
    and not arrayExists(
        period -> toDate(responded_at, {zone:String}) between period.1 and period.2,
        withdrawn.periods
    )
comment 'Answers that hold now; one row a participant, wave, response and item'
