-- What the views of a kind were last made from, and when.
select hash, created_at
from view_definitions
where kind = {kind:String}
order by created_at desc
limit 1
