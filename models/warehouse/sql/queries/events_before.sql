-- How many acts on the platform are said to have occurred before its first day.
select count() as early
from events final
where
    recorded_at <= {as_of:DateTime64(6)}
    and not startsWith(event_type, 'study.')
    and toDate(corrected(events.occurred_at), {zone:String}) < {opened:Date}
