-- What the roster said of each person at an instant: of each id the newest statement,
-- and what it said of all ids of the person.
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
from
    (
        select
            participant_id,
            argMax(roster.account, recorded_at) as account,
            argMax(roster.enrolled_at, recorded_at) as enrolled_at,
            argMax(roster.cohort, recorded_at) as cohort,
            argMax(roster.consented_at, recorded_at) as consented_at,
            argMax(roster.consent_version, recorded_at) as consent_version,
            argMax(roster.consent_scopes, recorded_at) as consent_scopes,
            argMax(roster.invited_waves, recorded_at) as invited_waves
        from roster
        where recorded_at <= {as_of:DateTime64(6)}
        group by participant_id
    ) as stated
group by participant_id
comment 'What the roster said at an instant; one row a person'
