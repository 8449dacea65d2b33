-- Who withdrew from collection, and since when nothing of theirs is taken.
select participant_id, min(occurred_at) as withdrawn_at
from events final
where
    event_type = 'study.consent_withdrawn'
    and JSONExtractString(data, 'level') in ('collection', 'erase')
group by participant_id
