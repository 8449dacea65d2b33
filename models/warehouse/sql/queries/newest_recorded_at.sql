-- The newest instant, up to a limit, at which anything present was recorded. An import
-- that had nothing new leaves it where it is.
select
    greatest(
        (
            select max(recorded_at)
            from events final
            where recorded_at <= {until:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from imports
            where
                recorded_at <= {until:DateTime64(6)}
                and added + changed + moved + gone > 0
        ),
        (
            select max(recorded_at)
            from roster
            where recorded_at <= {until:DateTime64(6)}
        ),
        (
            select max(recorded_at)
            from import_retractions
            where recorded_at <= {until:DateTime64(6)}
        )
    ) as newest
