-- Sessions of each person: consecutive acts belong to one session if there are at most
-- 30 minutes between them. One row a person; the arrays are in order of time.
select
    participant_id,
    arraySort(groupArray(occurred_at)) as acts,
    arrayMap(
        (act, before) -> act > before + interval 30 minute,
        acts,
        arrayPushFront(arrayPopBack(acts), toDateTime64(0, 6, 'UTC'))
    ) as begins,
    arrayFilter((act, first) -> first, acts, begins) as starts,
    arrayFilter(
        (act, last) -> last, acts, arrayPushBack(arrayPopFront(begins), true)
    ) as ends
from acts
group by participant_id
