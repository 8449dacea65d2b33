-- How many people have answered waves, whatever of it counts.
select uniqExact(participant_id, wave) as responses
from answer_statements
where import_id not in (select import_id from import_retractions)
