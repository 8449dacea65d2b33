-- Which ids counted under another one at an instant.
create or replace view merges_as_of as
select
    lower(hex(merges.alias)) as participant_id,
    lower(hex(argMax(merges.person, recorded_at))) as person
from merges
where recorded_at <= {as_of:DateTime64(6)}
group by merges.alias
having person != participant_id
comment 'Ids that counted under another id at an instant; one row an id'
