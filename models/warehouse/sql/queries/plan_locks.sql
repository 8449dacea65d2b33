-- The plans that were locked, the earliest first.
select hash, frozen, study_version, responses, locked_at
from plan_locks final
order by locked_at, hash
