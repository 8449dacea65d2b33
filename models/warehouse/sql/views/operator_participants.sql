-- One row for everybody the warehouse knows of by events, roster or consent.
create or replace view operator_participants
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    enrolled_at Nullable(DateTime64(6, 'UTC')) comment 'First enrolment; null: never',
    cohort Nullable(String) comment 'Group of the latest enrolment; null or empty: none',
    consented_at Nullable(DateTime64(6, 'UTC')) comment 'First consent, whatever its scopes; null: never',
    withdrawn_at Nullable(DateTime64(6, 'UTC')) comment 'Last withdrawal from collection; null: never, or agreed again since',
    no_contact_at Nullable(DateTime64(6, 'UTC')) comment 'First withdrawal of any level, from which no letters are sent; null: never',
    account LowCardinality(String) comment 'test or staff, which no analysis counts; empty: a participant',
    event_count UInt64 comment 'Events that count towards a function, but for the times of withdrawal from collection'
)
as
select
    participant_id,
    minOrNullIf(at, what = 'enrolled') as enrolled_at,
    argMaxOrNullIf(named, at, what = 'enrolled') as cohort,
    minOrNullIf(at, what = 'given') as consented_at,
    if(
        countIf(what = 'withdrawn') > 0
        and maxIf(at, what = 'withdrawn') >= maxIf(at, what = 'given'),
        maxOrNullIf(at, what = 'withdrawn'),
        null
    ) as withdrawn_at,
    minOrNullIf(at, what in ('withdrawn', 'contact')) as no_contact_at,
    maxIf(named, what = 'account') as account,
    countIf(what = 'use') as event_count
from
    (
        select
            lower(hex(person_now(events.participant_id))) as participant_id,
            corrected(events.occurred_at) as at,
            multiIf(
                event_type = 'study.enrolled',
                'enrolled',
                function = ''
                or arrayExists(
                    period -> toDate(at, {zone:String})
                    between period.1 and period.2,
                    withdrawn.periods
                ),
                '',
                'use'
            ) as what,
            if(what = 'enrolled', JSONExtractString(data, 'group'), '') as named
        from events final
        left join
            (
                select toFixedString(unhex(participant_id), 16) as participant, periods
                from operator_withdrawn_periods
            ) as withdrawn
            on withdrawn.participant = person_now(events.participant_id)
        where events.participant_id != toFixedString('', 16)
        union all
        select participant_id, said.1 as at, 'enrolled' as what, said.2 as named
        from roster_as_of(as_of = {end_of_time:DateTime64(6)})
        array join arrayZip(enrolled_at, cohort) as said
        union all
        select
            participant_id,
            stated_at as at,
            multiIf(level = '', 'given', level = 'contact', 'contact', 'withdrawn') as what,
            '' as named
        from consents_as_of(as_of = {end_of_time:DateTime64(6)})
        where level != 'declined'
        union all
        select
            participant_id,
            toDateTime64(0, 6, 'UTC') as at,
            'account' as what,
            account as named
        from accounts_as_of(as_of = {end_of_time:DateTime64(6)})
    )
group by participant_id
comment 'Everybody the warehouse knows of by events, roster or consent; one row a person'
