-- The active days in each planned window, in order: study-local days with an act of the
-- function that was not taken back before the window ended. One row a participant, wave
-- and function, used or not.
-- fmt: off
select
    w.participant as participant,
    w.wave as wave,
    wanted as function,
    w.start_on as start_on,
    w.end_on as end_on,
    arraySort(arrayExcept(
        arrayFilter(day -> day >= start_on and day < end_on, used.days),
        arrayMap(one -> one.1, arrayFilter(one -> one.2 < end_on, gone.days))
    )) as days
from windows as w
array join {functions:Array(String)} as wanted
left join (
    select participant_id, function, groupUniqArray(day) as days
    from acts
    group by participant_id, function
) as used
on used.participant_id = w.participant_id and used.function = wanted
left join (
    select participant_id, function, groupUniqArray((used_on, assumeNotNull(gone_on))) as days
    from withdrawn_acts
    where gone_on is not null
    group by participant_id, function
) as gone
on gone.participant_id = w.participant_id and gone.function = wanted
