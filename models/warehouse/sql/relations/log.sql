-- What was known of some people at an instant, with study-local days.
select
    person_as_of(events.participant_id) as participant_id,
    event_type,
    function,
    corrected(events.occurred_at) as occurred_at,
    toDate(occurred_at, {zone:String}) as day,
    data
from events final
where
    recorded_at <= {as_of:DateTime64(6)}
    and participant_id >= toFixedString(unhex({people_from:String}), 16)
    and participant_id <= toFixedString(unhex({people_until:String}), 16)
