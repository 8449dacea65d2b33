-- Every answer that was ever said, by export or by event, once; what holds is
-- `operator_answers`.
-- An event that came twice counts from its first time on.
create or replace view operator_answer_statements
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    response String comment 'What tells a response from others of the person: keyed hash of the survey tool''s id within its source, else the second',
    wave UInt16 comment 'Wave that was named',
    responded_at DateTime64(6, 'UTC') comment 'When the questionnaire was sent in',
    instrument String comment 'Questionnaire',
    item String comment 'Item code, or the code of a scale delivered as a score',
    answer String comment 'Coded answer; empty: asked, not answered',
    finished Nullable(Bool) comment 'Whether the questionnaire was sent in; null: not said',
    import_id String comment 'Import that said so first, as in imports; empty: an event, or before there was a ledger',
    recorded_at DateTime64(6, 'UTC') comment 'When it became part of the warehouse'
)
as
select
    lower(hex(person_now(responses.participant_id))) as participant_id,
    if(
        responses.response = '',
        toString(toUnixTimestamp(responses.responded_at)),
        responses.response
    ) as response,
    wave,
    responded_at,
    instrument,
    item,
    answer,
    finished,
    import_id,
    recorded_at
from responses
union all
select
    lower(hex(person_now(events.participant_id))) as participant_id,
    toString(toUnixTimestamp(corrected(events.occurred_at))) as response,
    toUInt16(JSONExtractUInt(data, 'wave')) as wave,
    toDateTime64(
        toStartOfSecond(corrected(events.occurred_at)), 6, 'UTC'
    ) as responded_at,
    JSONExtractString(data, 'instrument') as instrument,
    said.1 as item,
    said.2 as answer,
    null as finished,
    '' as import_id,
    min(events.recorded_at) as recorded_at
from events
array join JSONExtractKeysAndValues(data, 'answers', 'String') as said
where event_type = 'study.response_submitted'
group by participant_id, source, id, occurred_at, data, said
comment 'Every answer that was ever said, by export or by event; one row a statement'
