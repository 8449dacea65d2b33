-- What the roster says of each id, as known at an instant, whoever else it is: the
-- newest statement.
create or replace view roster_statements_as_of as
select
    roster.participant_id as participant_id,
    argMax(roster.account, recorded_at) as account,
    argMax(roster.enrolled_at, recorded_at) as enrolled_at,
    argMax(roster.cohort, recorded_at) as cohort,
    argMax(roster.consented_at, recorded_at) as consented_at,
    argMax(roster.consent_version, recorded_at) as consent_version,
    argMax(roster.consent_scopes, recorded_at) as consent_scopes,
    argMax(roster.invited_waves, recorded_at) as invited_waves
from roster
where recorded_at <= {as_of:DateTime64(6)}
group by roster.participant_id
comment 'What the roster said of each id at an instant; one row an id'
