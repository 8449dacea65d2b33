-- The folded id of each id of a roster or with events, as a keyed hash, and the person
-- that the id is.
select
    lower(hex(similar_ids.participant_id)) as participant_id,
    lower(hex(person_now(similar_ids.participant_id))) as person,
    lower(hex(similar_id)) as similar_id
from similar_ids final
order by participant_id
