-- All that was ever stated about ids of one person, in order of time.
select
    recorded_at,
    if(same_as = alias, 'split', 'merged') as statement,
    lower(hex(merges.alias)) as other_id,
    lower(hex(merges.same_as)) as same_as_id,
    origin,
    line
from merges final
where stated_at = recorded_at
order by recorded_at, line, other_id
