-- Rejected events that were not taken in since, by place; an empty reason means all.
select reason, field, origin, line, batch_index, path, recorded_at
from dead_letters final
where
    (empty({reason:String}) or reason = {reason:String})
    and (origin, line, ifNull(batch_index, 4294967295), reason, field) not in (
        select origin, line, ifNull(batch_index, 4294967295), reason, field
        from dead_letter_resolutions
    )
order by origin, line, batch_index, reason, field
