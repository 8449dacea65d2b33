-- What people said about consent, as known now.
create or replace view consents as
select distinct
    participant_id,
    stated_at,
    if(level = '', 'given', 'withdrawn') as said,
    level,
    version,
    scopes
from consents_as_of(as_of = '2299-01-01 00:00:00')
