-- Rejected events that were open at an instant, by reason, type and day of recording;
-- what is empty selects all.
select
    reason,
    event_type,
    toDate(recorded_at) as day,
    count() as letters,
    min(recorded_at) as first_recorded_at,
    max(recorded_at) as last_recorded_at,
    arraySort(arrayFilter(name -> name != '', groupUniqArray(function))) as functions,
    max(every_function) as every_function,
    uniqExactIf(participant_id, participant_id != '') as people,
    countIf(participant_id = '') as letters_of_unknown_people,
    min(unknown_from) as unknown_from,
    max(unknown_until) as unknown_until
from
    (
        select *
        from open_dead_letters_as_of(as_of = {as_of:DateTime64(6)})
        where
            {reason:String} in ('', reason)
            and (
                {event_type:String} in ('', event_type)
                or event_type = concat(
                    'unknown:', lower(hex(substring(MD5({event_type:String}), 1, 4)))
                )
            )
            and {origin:String} in ('', origin, origin_id)
            and recorded_at >= {since:DateTime64(6)}
    ) as letters
group by reason, event_type, day
order by reason, event_type, day
