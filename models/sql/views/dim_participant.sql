-- One row for everybody the warehouse knows of.
create or replace view dim_participant as
select
    lower(hex(events.participant_id)) as participant_id,
    minOrNullIf(occurred_at, event_type = 'study.enrolled') as enrolled_at,
    argMaxOrNullIf(
        JSONExtractString(data, 'group'), occurred_at, event_type = 'study.enrolled'
    ) as cohort,
    minOrNullIf(occurred_at, event_type = 'study.consent_given') as consented_at,
    minOrNullIf(occurred_at, event_type = 'study.consent_withdrawn') as withdrawn_at,
    countIf(function != '') as event_count
from events final
where events.participant_id != toFixedString('', 16)
group by events.participant_id
