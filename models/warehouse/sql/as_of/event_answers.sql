-- Answers that came as events. One that came twice counts from its first time on.
create or replace view event_answers_as_of as
select
    person_as_of(events.participant_id) as participant_id,
    toUInt16(JSONExtractUInt(data, 'wave')) as wave,
    toDateTime64(
        toStartOfSecond(corrected(events.occurred_at)), 6, 'UTC'
    ) as responded_at,
    JSONExtractString(data, 'instrument') as instrument,
    entry.1 as item,
    entry.2 as answer,
    min(events.recorded_at) as stated_at
from events
array join JSONExtractKeysAndValues(data, 'answers', 'String') as entry
where
    event_type = 'study.response_submitted' and recorded_at <= {as_of:DateTime64(6)}
group by participant_id, source, id, occurred_at, data, entry
comment 'Answers that came as events, as known at an instant'
