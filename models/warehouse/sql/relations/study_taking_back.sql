-- The same for the people of the newest panel.
select person_of_panel(events.participant_id) as participant_id, data
from events
where event_type in {withdrawing:Array(String)}
