-- The answers that hold: one row a participant, wave, response and item.
create or replace view answers as
select participant_id, wave, responded_at, instrument, item, answer
from answers_as_of(as_of = '2299-01-01 00:00:00')
where instrument != 'study.consent'
