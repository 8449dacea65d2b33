-- How many dead letters were open at an instant, by reason.
select reason, count() as letters
from open_dead_letters_as_of(as_of = {as_of:DateTime64(6)})
group by reason
order by reason
