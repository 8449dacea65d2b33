-- What the roster said of each person at an instant: what the newest statements
-- about all ids of the person say.
create or replace view roster_as_of as
select
    lower(hex(person_as_of(stated.participant_id))) as participant_id,
    max(stated.account) as account,
    arraySort(groupUniqArrayArray(arrayZip(stated.enrolled_at, stated.cohort))) as enrolments,
    enrolments.1 as enrolled_at,
    enrolments.2 as cohort,
    arraySort(
        groupUniqArrayArray(
            arrayZip(stated.consented_at, stated.consent_version, stated.consent_scopes)
        )
    ) as consents,
    consents.1 as consented_at,
    consents.2 as consent_version,
    consents.3 as consent_scopes,
    arraySort(groupUniqArrayArray(stated.invited_waves)) as invited_waves
from roster_statements_as_of(as_of = {as_of:DateTime64(6)}) as stated
group by participant_id
comment 'What the roster said at an instant; one row a person'
