-- Use a study-local day as the panel counts it: without what was recorded in an outage
-- that is prorated, and without acts that were taken back, unless a window of the day
-- had ended by then.
create or replace view study_daily_use
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    function LowCardinality(String) comment 'Platform function of the study',
    used_on Date comment 'Study-local day',
    event_count UInt64 comment 'Events of that day that were not taken back before the window of the day ended'
)
sql security definer
as
select
    lower(hex(used.participant_id)) as participant_id,
    used.function as function,
    used.day as used_on,
    toUInt64(used.acts - gone.acts) as event_count
from
    (
        select participant_id, function, day, count() as acts
        from acts
        group by participant_id, function, day
    ) as used
inner join permitted on permitted.participant = used.participant_id
left join
    (
        select participant_id, function, used_on, sum(withdrawn_acts.acts) as acts
        from withdrawn_acts
        left join own_windows on own_windows.participant_id = withdrawn_acts.participant_id
        where
            not arrayExists(
                period -> used_on >= period.1
                and used_on < period.2
                and withdrawn_on >= period.2,
                own_windows.periods
            )
        group by participant_id, function, used_on
    ) as gone
    on
        gone.participant_id = used.participant_id
        and gone.function = used.function
        and gone.used_on = used.day
where
    used.acts > gone.acts
    and arrayExists(period -> used.day between period.1 and period.2, consented)
    and not arrayExists(period -> used.day between period.1 and period.2, withdrawn)
comment 'Use a study-local day; one row a participant, function and day with any use'
