-- Events under a (source, id) that other content had first, as far as nothing is stated
-- about them: each was an act, or the first one was, or both. One row a version.
create or replace view open_conflicts_as_of as
select
    event_type,
    function,
    lower(hex(person_as_of(event_conflicts.participant_id))) as participant_id,
    corrected(event_conflicts.occurred_at) as occurred_at,
    recorded_at
from event_conflicts final
where
    recorded_at <= {as_of:DateTime64(6)}
    and not arrayExists(
        dismissal -> dismissal.1 in ('', event_type) and dismissal.2 >= recorded_at,
        (
            select groupArray((event_type, recorded_at))
            from dead_letter_dismissals
            where
                reason = 'conflicting'
                and recorded_at <= {as_of:DateTime64(6)}
                and dismissal_id not in (
                    select dismissal_id
                    from dismissal_retractions
                    where recorded_at <= {as_of:DateTime64(6)}
                )
        )
    )
comment 'Events whose id another event had first, at an instant; one row a version'
