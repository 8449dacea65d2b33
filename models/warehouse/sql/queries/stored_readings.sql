-- How many imports state a reading: it is stored, if there are any.
select count() as readings
from imports
where reading = toFixedString(unhex({reading:String}), 16)
