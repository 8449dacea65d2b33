-- Accounts to leave out, as known at an instant: those that the roster or an
-- enrolment calls test or staff.
create or replace view accounts_as_of as
select participant_id, max(called) as account
from
    (
        select participant_id, account as called
        from roster_as_of(as_of = {as_of:DateTime64(6)})
        union all
        select
            lower(hex(person_as_of(events.participant_id))) as participant_id,
            argMax(
                JSONExtractString(data, 'account'), (corrected(events.occurred_at), id)
            ) as called
        from events
        where
            recorded_at <= {as_of:DateTime64(6)} and event_type = 'study.enrolled'
        group by participant_id
    )
where called in ('test', 'staff')
group by participant_id
comment 'Accounts to leave out, as known at an instant; one row a person'
