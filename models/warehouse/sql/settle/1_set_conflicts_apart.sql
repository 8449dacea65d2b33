-- Of several contents under one (source, id) the first recorded stays; copy the others.
-- What was set apart once stays apart, although it may come again with an earlier
-- instant, from a writer that was held up: else neither would be left.
insert into event_conflicts (
    source, id, event_type, function, participant_id, occurred_at, sent_at,
    received_at, recorded_at, schema_version, data
)
select
    source, id, event_type, function, participant_id, occurred_at, sent_at,
    received_at, recorded_at, schema_version, data
from (
    select
        *,
        row_number() over (
            partition by source, id
            order by
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
                ),
                recorded_at,
                cityHash64(participant_id, function, occurred_at, event_type, schema_version, data)
        ) as place
    from events final
    where cityHash64(source, id) in (
        select cityHash64(source, id) as identity
        from events
        where
            recorded_at <= {until:DateTime64(6)}
            and identity in (
                select cityHash64(source, id)
                from events
                where recorded_at > {since:DateTime64(6)} and recorded_at <= {until:DateTime64(6)}
            )
        group by identity
        having
            min(cityHash64(participant_id, function, occurred_at, event_type, schema_version, data))
            != max(cityHash64(participant_id, function, occurred_at, event_type, schema_version, data))
    )
)
where place > 1
