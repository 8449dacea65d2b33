-- Use a study-local day: one row for a participant, function and day with any use,
-- without what somebody did from the day of withdrawing until they came back. First
-- counted, then cut.
create or replace view daily_use
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
            participant_id,
            function,
            toDate(occurred_at, {zone:String}) as used_on,
            count() as event_count
        from events final
        where function != ''
        group by participant_id, function, used_on
    ) as used
left join
    (
        select
            toFixedString(unhex(participant_id), 16) as person,
            groupArray(withdrawn_on) as left_on,
            groupArray(ifNull(back_on, toDate('2149-06-06'))) as back_on
        from withdrawals
        group by participant_id
    ) as gone
    on gone.person = used.participant_id
where
    not arrayExists(
        (since, until) -> used_on >= since and used_on < until,
        gone.left_on,
        gone.back_on
    )
comment 'Use a study-local day; one row for a participant, function and day with any use'
