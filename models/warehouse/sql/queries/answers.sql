-- The answers that held at an instant: one row a participant, wave, response and item.
select participant_id, wave, response, responded_at, instrument, item, answer, finished
from answers_as_of(as_of = {as_of:DateTime64(6)})
order by participant_id, wave, responded_at, response, instrument, item
