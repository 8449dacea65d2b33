-- Study-local days that are not known to be complete, from `from_on` until before
-- `until_on`: those of open dead letters, of the hidden version of conflicting events,
-- of events whose type had another function when they were stored, and of gaps of the
-- log. An empty function means every one, an empty participant everybody. A letter
-- whose time a clock correction may concern has those days too; it is counted once.
-- `types`: of the catalogue, with their own function and the one that they change.
select cause, participant_id, function, from_on, until_on, countIf(shift = 0) as number
from
    (
        select
            'dead letters' as cause,
            participant_id,
            arrayJoin(
                if(
                    every_function,
                    [''],
                    arrayFilter(
                        name -> name != '',
                        arrayDistinct(
                            [
                                toString(function),
                                transform(
                                    toString(event_type),
                                    {types:Array(String)},
                                    {changed_functions:Array(String)},
                                    toString(function)
                                )
                            ]
                        )
                    )
                )
            ) as function,
            arrayJoin(
                arrayPushFront(
                    arrayFilter(
                        (by, start, end) -> toUnixTimestamp64Micro(unknown_from) < end
                        and toUnixTimestamp64Micro(unknown_until) > start,
                        {clock_shifts:Array(Int64)},
                        {clocks_from:Array(Int64)},
                        {clocks_until:Array(Int64)}
                    ),
                    0
                )
            ) as shift,
            toDate32(
                unknown_from + toIntervalMicrosecond(shift), {zone:String}
            ) as from_on,
            toDate32(unknown_until + toIntervalMicrosecond(shift - 1), {zone:String})
            + 1 as until_on
        from open_dead_letters_as_of(as_of = {as_of:DateTime64(6)})
        union all
        select
            'conflicts' as cause,
            participant_id,
            transform(
                toString(event_type),
                {types:Array(String)},
                {changed_functions:Array(String)},
                toString(function)
            ) as function,
            toInt64(0) as shift,
            toDate32(occurred_at, {zone:String}) as from_on,
            from_on + 1 as until_on
        from open_conflicts_as_of(as_of = {as_of:DateTime64(6)})
        where function != ''
        union all
        select
            'catalogue' as cause,
            changed.person as participant_id,
            arrayJoin(
                arrayFilter(name -> name != '', [changed.function, changed.current])
            ) as function,
            toInt64(0) as shift,
            toDate32(changed.at, {zone:String}) as from_on,
            from_on + 1 as until_on
        from
            (
                select distinct
                    lower(hex(person_as_of(events.participant_id))) as person,
                    toString(function) as function,
                    transform(
                        toString(event_type),
                        {types:Array(String)},
                        {own_functions:Array(String)},
                        toString(function)
                    ) as current,
                    corrected(events.occurred_at) as at,
                    source,
                    id
                from events
                where recorded_at <= {as_of:DateTime64(6)} and function != current
            ) as changed
        union all
        select
            'log gap' as cause,
            '' as participant_id,
            '' as function,
            toInt64(0) as shift,
            toDate32(unknown_from, {zone:String}) as from_on,
            toDate32(unknown_until - interval 1 microsecond, {zone:String})
            + 1 as until_on
        from log_gaps final
        where recorded_at <= {as_of:DateTime64(6)}
    )
group by cause, participant_id, function, from_on, until_on
order by cause, participant_id, function, from_on, until_on
