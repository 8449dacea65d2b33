-- How many rejected events of each type that belongs to the study were open at an
-- instant, by person; an empty one could not be read.
select event_type, participant_id, count() as letters
from open_dead_letters_as_of(as_of = {as_of:DateTime64(6)})
where startsWith(event_type, 'study.')
group by event_type, participant_id
order by event_type, participant_id
