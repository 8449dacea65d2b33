-- The instant up to which the log is settled, and the last one recorded.
select
    (select max(settled_at) from settlements) as since,
    (select max(recorded_at) from events) as until
