-- How many conflicting events nothing was stated about at an instant; an empty type
-- selects all.
select count() as conflicts
from open_conflicts_as_of(as_of = {as_of:DateTime64(6)})
where {event_type:String} in ('', event_type)
