-- One row for everybody the warehouse knows of.
create or replace view dim_participant as
select
    lower(hex(participant_id)) as participant_id,
    minIf(occurred_at, event_type = 'study.enrolled') as enrolled_at,
    argMaxIf(JSONExtractString(data, 'group'), occurred_at, event_type = 'study.enrolled') as cohort,
    minIf(occurred_at, event_type = 'study.consent_given') as consented_at,
    minIf(occurred_at, event_type = 'study.consent_withdrawn') as withdrawn_at,
    countIf(function != '') as event_count
from events final
where participant_id != toFixedString('', 16)
group by participant_id
