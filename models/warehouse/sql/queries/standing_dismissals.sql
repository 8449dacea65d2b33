-- Dismissals of dead letters that were not taken back, by time.
select dismissal_id, reason, event_type, origin, letters, because, recorded_at
from dead_letter_dismissals final
where dismissal_id not in (select dismissal_id from dismissal_retractions)
order by recorded_at
