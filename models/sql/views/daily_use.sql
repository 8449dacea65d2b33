-- Use a day (UTC): one row for a participant, function and day with any use.
create or replace view daily_use as
select
    lower(hex(participant_id)) as participant_id,
    function,
    toDate(occurred_at) as used_on,
    count() as event_count
from events final
where function != ''
group by
    participant_id,
    function,
    used_on
