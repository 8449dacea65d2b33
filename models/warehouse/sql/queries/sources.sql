-- Every source of which an event is in the log.
select distinct source
from events
where recorded_at <= {as_of:DateTime64(6)}
order by source
