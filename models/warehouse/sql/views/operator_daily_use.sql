-- Use a study-local day: one row for a participant, function and day with any use,
-- without what somebody did from the day of withdrawing until they came back. First
-- counted, then cut.
create or replace view operator_daily_use
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    function LowCardinality(String) comment 'Platform function',
    used_on Date comment 'Study-local day',
    event_count UInt64 comment 'Events of that day'
)
as
select lower(hex(used.participant_id)) as participant_id, function, used_on, event_count
from
    (
        select
            person_now(events.participant_id) as participant_id,
            function,
            toDate(corrected(events.occurred_at), {zone:String}) as used_on,
            count() as event_count
        from events final
        where function != ''
        group by participant_id, function, used_on
    ) as used
left join
    (
        select toFixedString(unhex(participant_id), 16) as participant, periods
        from operator_withdrawn_periods
    ) as withdrawn
    on withdrawn.participant = used.participant_id
where
    not arrayExists(
        period -> used_on between period.1 and period.2, withdrawn.periods
    )
comment 'Use a study-local day; one row for a participant, function and day with any use'
