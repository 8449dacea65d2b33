-- What the roster says of each id, as known at an instant, whoever else it is.
select
    lower(hex(stated.participant_id)) as participant_id,
    stated.* except (participant_id)
from roster_statements_as_of(as_of = {as_of:DateTime64(6)}) as stated
order by participant_id
