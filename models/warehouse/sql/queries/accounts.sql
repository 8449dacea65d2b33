-- Accounts to leave out, as known at an instant.
select participant_id, account
from accounts_as_of(as_of = {as_of:DateTime64(6)})
order by participant_id
