-- Rejected events of some files, by place.
select origin, line, batch_index, reason, field
from dead_letters final
where origin in {origins:Array(String)}
order by origin, line, batch_index, reason
limit 1000
