-- The answers that hold: one row a participant, wave, response and item.
create or replace view answers as
select
    lower(hex(participant_id)) as participant_id,
    wave,
    responded_at,
    instrument,
    item,
    argMax(answer, recorded_at) as answer
from responses final
group by
    participant_id,
    wave,
    responded_at,
    instrument,
    item
