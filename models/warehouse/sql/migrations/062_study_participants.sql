-- A projection: the people of the panel, when they are in the study, and on which days
-- their use may be looked at.
create table if not exists study_participants (
    build String comment 'Build in projection_builds that the row belongs to',
    study_version String comment 'Hash of the study file, its catalogue and its instruments',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge',
    participant_id FixedString(16) comment 'Keyed hash of the platform user',
    rounds Array(UInt16) comment 'Rounds of which the person has rows in the panel',
    enrolled_on Date comment 'Study-local day of the first enrolment',
    study_periods Array(Tuple(first_on Date, last_on Date)) comment 'Study-local days in the study, until the state of knowledge',
    consent_periods Array(Tuple(first_on Date, last_on Date)) comment 'Study-local days whose use may be looked at'
)
engine = ReplacingMergeTree
order by (build, participant_id)
comment 'People of the panel, of every build; derived, read it through participants'
