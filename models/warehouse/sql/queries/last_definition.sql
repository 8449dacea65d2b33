-- What the views of a kind were last made from, and when.
select name, applied_at
from migrations
where startsWith(name, {kind:String})
order by applied_at desc
limit 1
