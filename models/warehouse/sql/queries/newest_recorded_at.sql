-- The newest instant, up to a limit, at which anything present was recorded. An import
-- that had nothing new leaves it where it is, and so does a letter that is read again.
select
    greatest(
        (
            select max(recorded_at)
            from events final
            where recorded_at <= {as_of:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from event_conflicts
            where recorded_at <= {as_of:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from imports
            where
                recorded_at <= {as_of:DateTime64(6)}
                and added + changed + moved + gone > 0
        ),
        (
            select max(recorded_at)
            from roster
            where recorded_at <= {as_of:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from merges
            where recorded_at <= {as_of:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from import_retractions
            where recorded_at <= {as_of:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from open_dead_letters_as_of(as_of = {as_of:DateTime64(6)})
        ),
        (
            select max(resolved_at)
            from dead_letter_resolutions
            where resolved_at <= {as_of:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from dead_letter_dismissals
            where recorded_at <= {as_of:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from dismissal_retractions
            where recorded_at <= {as_of:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from log_gaps
            where recorded_at <= {as_of:DateTime64(6)}
        )
    ) as newest
