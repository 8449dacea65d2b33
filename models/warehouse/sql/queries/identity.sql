-- Whose warehouse this is; no row before anything was stored.
select study, namespace, timezone, keys, unverified, format, program, recorded_at
from identity
order by recorded_at desc
limit 1
