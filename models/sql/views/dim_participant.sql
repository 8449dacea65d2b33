-- One row for everybody the warehouse knows of by events, roster or consent.
create or replace view dim_participant as
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
            lower(hex(events.participant_id)) as participant_id,
            occurred_at as at,
            multiIf(event_type = 'study.enrolled', 'enrolled', function != '', 'use', '') as what,
            if(what = 'enrolled', JSONExtractString(data, 'group'), '') as named
        from events final
        where events.participant_id != toFixedString('', 16)
        union all
        select participant_id, said.1 as at, 'enrolled' as what, said.2 as named
        from roster_as_of(as_of = '2299-01-01 00:00:00')
        array join arrayZip(enrolled_at, cohort) as said
        union all
        select
            participant_id,
            stated_at as at,
            multiIf(level = '', 'given', level = 'contact', 'contact', 'withdrawn') as what,
            '' as named
        from consents_as_of(as_of = '2299-01-01 00:00:00')
        union all
        select
            participant_id,
            toDateTime64(0, 6, 'UTC') as at,
            'account' as what,
            account as named
        from accounts_as_of(as_of = '2299-01-01 00:00:00')
    )
group by participant_id
