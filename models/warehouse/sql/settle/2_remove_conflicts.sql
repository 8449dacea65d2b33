-- Then take the copies out of the log; a repetition of this step finds nothing.
delete from events
where
    (
        participant_id,
        function,
        occurred_at,
        source,
        id,
        event_type,
        schema_version,
        data
    ) in (
        select
            participant_id,
            function,
            occurred_at,
            source,
            id,
            event_type,
            schema_version,
            data
        from event_conflicts
    )
