-- Use a study-local week: a row for every week that somebody is in the study, and 0
-- only where consent and the log cover the whole of it.
create or replace view weekly_use
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    function LowCardinality(String) comment 'Platform function of the study',
    week_start Date comment 'Study-local Monday with which the ISO week begins',
    study_days Float64 comment 'Days of the week in the study, of 24 hours: below 7 in the first and the last week',
    observed_days Float64 comment 'Those that consent and the log of this function cover',
    event_count Nullable(UInt64) comment 'Events that were not taken back before the window of their day ended; null: not known, as the days are not all covered',
    active_days Nullable(UInt64) comment 'Study-local days with such an event; null: not known'
)
sql security definer
as
with
    weeks as (
        select
            participant_id,
            consent_periods,
            toMonday(period.1) + toIntervalWeek(week) as week_start,
            greatest(period.1, week_start) as from_on,
            least(period.2 + 1, week_start + 7) as until_on
        from participants
        array join study_periods as period
        array join
            range(
                toUInt32(intDiv(toMonday(period.2) - toMonday(period.1), 7)) + 1
            ) as week
    ),
    lengths as (
        select
            participant_id,
            week_start,
            sum(
                dateDiff(
                    'microsecond',
                    toDateTime64(from_on, 6, {zone:String}),
                    toDateTime64(until_on, 6, {zone:String})
                )
            ) as micros
        from weeks
        group by participant_id, week_start
    ),
    pieces as (
        select
            participant_id,
            week_start,
            greatest(from_on, consent.1) as piece_from,
            least(until_on, consent.2 + 1) as piece_until
        from weeks
        array join consent_periods as consent
        where piece_from < piece_until
    ),
    logs as (
        select
            '' as person,
            function,
            groupArray(toUnixTimestamp64Micro(covered_from)) as starts,
            groupArray(toUnixTimestamp64Micro(covered_until)) as ends
        from coverage
        group by function
        union all
        select
            participant_id as person,
            function,
            groupArray(toUnixTimestamp64Micro(covered_from)) as starts,
            groupArray(toUnixTimestamp64Micro(covered_until)) as ends
        from coverage_of_people
        group by person, function
    ),
    spans as (
        select distinct '' as person, piece_from, piece_until
        from pieces
        union all
        select distinct participant_id as person, piece_from, piece_until
        from pieces
        where participant_id in (select participant_id from coverage_of_people)
    ),
    covered as (
        select
            spans.person as person,
            function,
            piece_from,
            piece_until,
            toUnixTimestamp64Micro(
                toDateTime64(piece_from, 6, {zone:String})
            ) as piece_start,
            toUnixTimestamp64Micro(
                toDateTime64(piece_until, 6, {zone:String})
            ) as piece_end,
            arraySum(
                (start, end) -> greatest(
                    0, least(end, piece_end) - greatest(start, piece_start)
                ),
                starts,
                ends
            ) as micros
        from spans
        inner join logs on logs.person = spans.person
    ),
    observed as (
        select participant_id, function, week_start, sum(covered.micros) as micros
        from
            (
                select
                    participant_id,
                    study_function,
                    week_start,
                    piece_from,
                    piece_until,
                    if(
                        (participant_id, study_function)
                        in (select participant_id, function from coverage_of_people),
                        participant_id,
                        ''
                    ) as log_of
                from pieces
                array join {functions:Array(String)} as study_function
            ) as visible
        inner join
            covered
            on covered.person = visible.log_of
            and covered.function = visible.study_function
            and covered.piece_from = visible.piece_from
            and covered.piece_until = visible.piece_until
        group by participant_id, function, week_start
    ),
    used as (
        select
            participant_id,
            function,
            toMonday(used_on) as week_start,
            sum(event_count) as events,
            count() as days
        from study_daily_use
        group by participant_id, function, week_start
    )
select
    lengths.participant_id as participant_id,
    study_function as function,
    lengths.week_start as week_start,
    lengths.micros / 86400000000 as study_days,
    observed.micros / 86400000000 as observed_days,
    if(observed.micros = lengths.micros, used.events, null) as event_count,
    if(observed.micros = lengths.micros, used.days, null) as active_days
from lengths
array join {functions:Array(String)} as study_function
left join
    observed
    on observed.participant_id = lengths.participant_id
    and observed.function = study_function
    and observed.week_start = lengths.week_start
left join
    used
    on used.participant_id = lengths.participant_id
    and used.function = study_function
    and used.week_start = lengths.week_start
comment 'Use a study-local ISO week, with the weeks without use; one row a participant, function and week'
