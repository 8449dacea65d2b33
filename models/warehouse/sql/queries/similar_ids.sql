-- The folded id of each person of a roster or with events, as a keyed hash.
select
    lower(hex(participant_id)) as participant_id, lower(hex(similar_id)) as similar_id
from similar_ids final
order by participant_id
