-- What people said about consent, as known at an instant, by events, by the roster and
-- by an item of a survey. `level` is empty for a yes, and 'declined' for a no, whose
-- `scopes` are those declined. The same yes may come by several ways; it counts once.
create or replace view consents_as_of as
select distinct
    lower(hex(person_as_of(events.participant_id))) as participant_id,
    corrected(events.occurred_at) as stated_at,
    JSONExtractString(data, 'level') as level,
    toUInt16(JSONExtractUInt(data, 'version')) as version,
    JSONExtract(data, 'scopes', 'Array(String)') as scopes
from events
where
    recorded_at <= {as_of:DateTime64(6)}
    and event_type in ('study.consent_given', 'study.consent_withdrawn')
union all
select
    participant_id,
    said.1 as stated_at,
    '' as level,
    said.2 as version,
    said.3 as scopes
from roster_as_of(as_of = {as_of:DateTime64(6)})
array join arrayZip(consented_at, consent_version, consent_scopes) as said
union all
select
    participant_id,
    responded_at as stated_at,
    if(startsWith(answer, 'no:'), 'declined', '') as level,
    toUInt16(item) as version,
    splitByChar(' ', replaceRegexpOne(answer, '^no:', '')) as scopes
from answers_as_of(as_of = {as_of:DateTime64(6)})
where instrument = 'study.consent' and answer != ''
comment 'What people said about consent, as known at an instant; one row a statement'
