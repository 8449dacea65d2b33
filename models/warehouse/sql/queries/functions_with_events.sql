-- The platform functions of which any event is in the log.
select distinct function
from events
where recorded_at <= {as_of:DateTime64(6)} and function != ''
order by function
