-- When the first answer to each instrument of each wave was given, whatever of it
-- counts.
select wave, instrument, min(responded_at) as first_answer
from answers_as_of(as_of = {as_of:DateTime64(6)})
where answer != ''
group by wave, instrument
order by wave, instrument
