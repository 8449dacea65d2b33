-- What people said about consent, as known at an instant.
select participant_id, stated_at, level, version, scopes
from consents_as_of(as_of = {as_of:DateTime64(6)})
order by participant_id, stated_at, level, version, scopes
