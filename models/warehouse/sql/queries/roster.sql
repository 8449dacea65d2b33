-- What the roster says of each person, as known at an instant.
select
    participant_id,
    account,
    enrolled_at,
    cohort,
    consented_at,
    consent_version,
    consent_scopes,
    invited_waves
from roster_as_of(as_of = {as_of:DateTime64(6)})
order by participant_id
