-- The people of the newest panel: enrolled, agreed, no test or staff account.
create or replace view participants
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    rounds Array(UInt16) comment 'Rounds of which the person has rows in the panel',
    enrolled_on Date comment 'Study-local day of the first enrolment',
    study_periods Array(Tuple(first_on Date, last_on Date)) comment 'First and last study-local day of each time in the study: from the first window or enrolment to the last wave, or until consent ended, or the day before as_of',
    consent_periods Array(Tuple(first_on Date, last_on Date)) comment 'First and last study-local day of each time of which use may be looked at',
    study_version String comment 'Version of the study file, as in study_versions',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge'
)
sql security definer
as
select
    lower(hex(study_participants.participant_id)) as participant_id,
    rounds,
    enrolled_on,
    study_periods,
    consent_periods,
    study_version,
    as_of
from study_participants final
where
    build = (
        select argMax(build, (as_of, finished_at))
        from projection_builds final
        where projection = 'participants' and finished_at > toDateTime64(0, 6, 'UTC')
    )
comment 'People of the newest panel; one row a person'
