-- The plans that were locked up to an instant, the earliest first.
select hash, frozen, conditions, study_version, text, responses, locked_at
from plan_locks final
where locked_at <= {as_of:DateTime64(6)}
order by locked_at, hash
