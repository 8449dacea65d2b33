-- Rejected events that were open at an instant, one row a letter: not resolved since
-- they were last read, not stored later under the same source and id (of the same
-- person, where that could be read; else all events are looked at), not dismissed. What
-- was stored before, or with it, is another event under the same id. Of a letter that
-- was read several times the newest row says what it was. A file is known
-- by its content, whatever its name; a topic's content is in partitions. What letters
-- without an arrival make unknown was not kept: all, up to their recording.
create or replace view open_dead_letters_as_of as
select
    reason,
    field,
    origin_id,
    origin,
    line,
    if(place = 4294967295, null, toUInt32(place)) as batch_index,
    path,
    first_recorded_at as recorded_at,
    last_recorded_at,
    event_key,
    event_type,
    function,
    every_function,
    participant_id,
    unknown_from,
    unknown_until
from
    (
        select
            letters.reason as reason,
            letters.field as field,
            letters.origin_id as origin_id,
            argMax(letters.origin, letters.recorded_at) as origin,
            letters.`partition` as `partition`,
            letters.line as line,
            letters.place as place,
            argMax(letters.path, letters.recorded_at) as path,
            min(letters.recorded_at) as first_read_at,
            minIf(
                letters.recorded_at, letters.recorded_at > resolved.settled_until
            ) as first_recorded_at,
            max(letters.recorded_at) as last_recorded_at,
            argMax(letters.event_key, letters.recorded_at) as event_key,
            argMax(letters.event_type, letters.recorded_at) as event_type,
            argMax(letters.function, letters.recorded_at) as function,
            argMax(letters.every_function, letters.recorded_at) as every_function,
            argMax(letters.participant_id, letters.recorded_at) as participant_id,
            argMax(letters.unknown_from, letters.recorded_at) as unknown_from,
            argMax(letters.unknown_until, letters.recorded_at) as unknown_until
        from
            (
                select
                    reason,
                    field,
                    if(dead_letters.origin_id = '', origin, dead_letters.origin_id) as origin_id,
                    origin,
                    if(endsWith(origin, ']'), origin, '') as `partition`,
                    line,
                    ifNull(batch_index, 4294967295) as place,
                    path,
                    recorded_at,
                    event_key,
                    event_type,
                    function,
                    if(toUnixTimestamp(arrival) = 0, 1, dead_letters.every_function) as every_function,
                    if(
                        dead_letters.participant_id = toFixedString('', 16),
                        '',
                        lower(hex(person_as_of(dead_letters.participant_id)))
                    ) as participant_id,
                    unknown_from,
                    if(
                        toUnixTimestamp(arrival) = 0,
                        recorded_at,
                        dead_letters.unknown_until
                    ) as unknown_until
                from dead_letters
                where recorded_at <= {as_of:DateTime64(6)}
            ) as letters
        left join
            (
                select
                    reason,
                    field,
                    if(
                        dead_letter_resolutions.origin_id = '',
                        origin,
                        dead_letter_resolutions.origin_id
                    ) as origin_id,
                    if(endsWith(origin, ']'), origin, '') as `partition`,
                    line,
                    ifNull(batch_index, 4294967295) as place,
                    max(
                        if(toUnixTimestamp(recorded_at) = 0, resolved_at, recorded_at)
                    ) as settled_until
                from dead_letter_resolutions
                where resolved_at <= {as_of:DateTime64(6)}
                group by reason, field, origin_id, `partition`, line, place
            ) as resolved
            on
                resolved.reason = letters.reason
                and resolved.field = letters.field
                and resolved.origin_id = letters.origin_id
                and resolved.`partition` = letters.`partition`
                and resolved.line = letters.line
                and resolved.place = letters.place
        group by
            letters.reason,
            letters.field,
            letters.origin_id,
            letters.`partition`,
            letters.line,
            letters.place
        having last_recorded_at > max(resolved.settled_until)
    ) as unresolved
left join
    (
        select MD5(concat(source, char(31), id)) as stored_key, min(recorded_at) as stored_at
        from events
        where
            recorded_at <= {as_of:DateTime64(6)}
            and (
                participant_id in (
                    select participant_id
                    from dead_letters
                    where event_key != toFixedString('', 16)
                )
                or (
                    select count()
                    from dead_letters
                    where
                        event_key != toFixedString('', 16)
                        and participant_id = toFixedString('', 16)
                        and event_type != 'study.heartbeat'
                )
                > 0
            )
            and stored_key in (
                select event_key
                from dead_letters
                where event_key != toFixedString('', 16)
            )
        group by stored_key
    ) as stored
    on stored.stored_key = unresolved.event_key
where
    stored.stored_at <= first_read_at
    and not arrayExists(
        dismissal
        -> dismissal.1 in ('', reason)
        and (
            dismissal.2 in ('', event_type)
            or event_type = concat('unknown:', lower(hex(substring(MD5(dismissal.2), 1, 4))))
        )
        and dismissal.3 in ('', origin, origin_id)
        and dismissal.4 >= first_recorded_at,
        (
            select groupArray((reason, event_type, origin, recorded_at))
            from dead_letter_dismissals
            where
                recorded_at <= {as_of:DateTime64(6)}
                and dismissal_id not in (
                    select dismissal_id
                    from dismissal_retractions
                    where recorded_at <= {as_of:DateTime64(6)}
                )
        )
    )
comment 'Rejected events that were open at an instant; one row a letter'
