-- What people did on the platform: one row an event, duplicates and conflicts out,
-- and without what somebody did from the day of withdrawing until they came back, as in
-- the panel. Whether such an act is stored depends on the order of arrival, so readers
-- must not see it.
create or replace view operator_events
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    event_type LowCardinality(String) comment 'CloudEvents type, as in the catalogue',
    function LowCardinality(String) comment 'Platform function it counts towards; empty: none',
    occurred_at DateTime64(6, 'UTC') comment 'When the act took place, as sent',
    corrected_at DateTime64(6, 'UTC') comment 'When the act took place: the same, but for clocks that the study corrects',
    occurred_on Date comment 'Study-local day of corrected_at',
    received_at DateTime64(6, 'UTC') comment 'First clock of ours that saw it',
    clock_skew_seconds Nullable(Float64) comment 'First clock of ours less the clock of the sender when sending (senttime): below 0, the sender''s clock is ahead; null: the event has no senttime',
    recorded_at DateTime64(6, 'UTC') comment 'When it became part of the log',
    source LowCardinality(String) comment 'CloudEvents source; with id, the identity of the event',
    id String comment 'CloudEvents id, unique within the source',
    data String comment 'Closed fields of the event as canonical JSON; empty: none'
)
as
select
    lower(hex(person_now(events.participant_id))) as participant_id,
    event_type,
    function,
    events.occurred_at as occurred_at,
    corrected(events.occurred_at) as corrected_at,
    toDate(corrected_at, {zone:String}) as occurred_on,
    received_at,
    dateDiff('microsecond', sent_at, received_at) / 1000000 as clock_skew_seconds,
    recorded_at,
    source,
    id,
    data
from events final
left join
    (
        select toFixedString(unhex(participant_id), 16) as participant, periods
        from operator_withdrawn_periods
    ) as withdrawn
    on withdrawn.participant = person_now(events.participant_id)
where
    not startsWith(event_type, 'study.')
    and not arrayExists(
        period -> occurred_on between period.1 and period.2, withdrawn.periods
    )
comment 'What people did on the platform; one row an event'
