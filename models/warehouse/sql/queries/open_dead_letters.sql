-- Rejected events that were open at an instant, by place; what is empty selects all.
select *
from open_dead_letters_as_of(as_of = {as_of:DateTime64(6)})
where
    {reason:String} in ('', reason)
    and (
        {event_type:String} in ('', event_type)
        or event_type
        = concat('unknown:', lower(hex(substring(MD5({event_type:String}), 1, 4))))
    )
    and {origin:String} in ('', origin, origin_id)
    and recorded_at >= {since:DateTime64(6)}
order by origin, origin_id, line, batch_index, reason, field
