-- Answers that were stored before there were imports are one import without an id.
insert into imports (import_id, origin, recorded_at)
select '' as import_id, 'before imports' as origin, max(stored.recorded_at) as recorded_at
from responses as stored
where import_id = ''
having count() > 0
