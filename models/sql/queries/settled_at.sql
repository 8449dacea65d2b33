-- What is settled, the last instant recorded, and from where to look for conflicts. Of
-- several writers one may still be inserting what it stamped a little earlier: what was
-- recorded in the ten minutes before the watermark is looked at once more, until
-- somebody did so ten minutes after the last instant.
select
    (select max(settled_at) from settlements) as settled,
    (select max(checked_at) from settlements) as checked,
    (select max(recorded_at) from events) as until,
    greatest(settled, toDateTime64('1970-01-01 00:10:00', 6, 'UTC'))
    - interval 10 minute as since,
    until > settled or until + interval 10 minute > checked as due
