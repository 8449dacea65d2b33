-- Acts that were taken back, counted by study-local day: a withdrawal takes off the
-- person's latest earlier act of its type, with the same field values, that stands.
-- Of acts and withdrawals in order of time, an act's depth is how many stand with it,
-- a withdrawal's how many stood before it. At one depth they alternate: an act was
-- taken back by what follows it there.
-- `gone_on`: the day by which no act of that function and day stood; null: some do.
-- fmt: off
select
    taken.participant_id as participant_id,
    taken.function as function,
    taken.act_type as event_type,
    taken.data as data,
    taken.used_on as used_on,
    taken.withdrawn_on as withdrawn_on,
    taken.acts as acts,
    if(sum(taken.acts) over whole_day = used.acts, max(taken.withdrawn_on) over whole_day, null) as gone_on
from (
    select
        participant_id,
        act_type,
        data,
        function,
        toDate(tupleElement(act, 2), {zone:String}) as used_on,
        toDate(tupleElement(next, 2), {zone:String}) as withdrawn_on,
        count() as acts
    from (
        select
            participant_id,
            transform(event_type, {withdrawing:Array(String)}, {withdrawn:Array(String)}) as act_type,
            data,
            anyIf(function, event_type = act_type) as function,
            arraySort(groupArray((occurred_at, if(event_type = act_type, 1, -1)))) as steps,
            arrayCumSumNonNegative(steps.2) as standing,
            arrayPushFront(arrayPopBack(standing), 0) as before,
            arraySort(arrayMap((step, now, then) -> (if(step.2 > 0, now, then), step.1, step.2), steps, standing, before)) as by_depth
        from log
        where
            (event_type in {withdrawing:Array(String)} or event_type in {withdrawn:Array(String)})
            and (participant_id, data) in (select participant_id, data from taking_back)
        group by participant_id, act_type, data
    )
    array join by_depth as act, arrayRotateLeft(by_depth, 1) as next
    where
        tupleElement(act, 1) = tupleElement(next, 1)
        and tupleElement(act, 3) = 1
        and tupleElement(next, 3) = -1
        and not arrayExists(
            (name, start, end) -> name = function
            and toUnixTimestamp64Micro(tupleElement(act, 2)) >= start
            and toUnixTimestamp64Micro(tupleElement(act, 2)) < end,
            {lost:Array(String)}, {lost_from:Array(Int64)}, {lost_to:Array(Int64)}
        )
    group by participant_id, act_type, data, function, used_on, withdrawn_on
) as taken
inner join (
    select participant_id, function, day, count() as acts
    from acts
    where
        function in {withdrawn_functions:Array(String)}
        and participant_id in (select participant_id from taking_back)
    group by participant_id, function, day
) as used
on
    used.participant_id = taken.participant_id
    and used.function = taken.function
    and used.day = taken.used_on
window whole_day as (partition by taken.participant_id, taken.function, taken.used_on)
