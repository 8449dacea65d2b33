-- When the newest event of the platform occurred; null: there is none.
select maxOrNull(corrected(events.occurred_at)) as newest
from events
where recorded_at <= {as_of:DateTime64(6)} and not startsWith(event_type, 'study.')
