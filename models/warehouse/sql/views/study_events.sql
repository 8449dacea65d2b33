-- What the people of the study did on days of consent, as the newest panel knew it.
create or replace view study_events
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    event_type LowCardinality(String) comment 'CloudEvents type, as in the catalogue',
    function LowCardinality(String) comment 'Platform function it counts towards; empty: none',
    occurred_at DateTime64(6, 'UTC') comment 'When the act took place, as sent, but for clocks that the study corrects',
    occurred_on Date comment 'Study-local day of the act',
    local_time DateTime64(6, {zone:String}) comment 'When the act took place, by the clock of the study',
    local_hour UInt8 comment 'Hour of the act by the clock of the study, 0 to 23',
    recorded_at DateTime64(6, 'UTC') comment 'When it became part of the log',
    source LowCardinality(String) comment 'CloudEvents source; with id, the identity of the event',
    id String comment 'CloudEvents id, unique within the source',
    data String comment 'Closed fields of the event as canonical JSON; empty: none'
)
sql security definer
as
select
    lower(hex(person_of_panel(events.participant_id))) as participant_id,
    event_type,
    function,
    corrected(events.occurred_at) as occurred_at,
    toDate(occurred_at, {zone:String}) as occurred_on,
    toTimeZone(occurred_at, {zone:String}) as local_time,
    toHour(occurred_at, {zone:String}) as local_hour,
    recorded_at,
    source,
    id,
    data
from events final
inner join
    (select participant, consented, withdrawn from permitted) as permitted
    on permitted.participant = person_of_panel(events.participant_id)
where
    recorded_at <= (select max(as_of) from participants)
    and not startsWith(event_type, 'study.')
    and arrayExists(period -> occurred_on between period.1 and period.2, consented)
    and not arrayExists(period -> occurred_on between period.1 and period.2, withdrawn)
comment 'What the people of the study did on days of consent; one row an event'
