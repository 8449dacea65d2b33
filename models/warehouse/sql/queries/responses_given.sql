-- How many people had answered each wave before an instant, whatever of it counts.
select wave, uniqExact(participant_id) as responses
from answers_as_of(as_of = {as_of:DateTime64(6)})
where answer != '' and responded_at < {given_before:DateTime64(6)}
group by wave
order by wave
