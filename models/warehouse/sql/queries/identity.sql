-- Whose warehouse this is, as written down so far: the last row holds; no row before
-- anything was stored.
select study, namespace, timezone, keys, unverified, format, program, recorded_at
from identity
order by recorded_at
