-- When batches were recorded of which something was refused.
select recorded_at
from arrivals
where refused > 0 and recorded_at <= {as_of:DateTime64(6)}
order by recorded_at
