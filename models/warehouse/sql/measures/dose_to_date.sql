-- Acts of the function up to the end of the window, in windows or not.
-- of: function
-- over: to date
-- unit: events
-- null: consent or the log does not cover all the time until the window ends
-- gaps: prorated
-- From enrolment, or from the start of the person's first window if that is earlier,
-- but not from before the time that consent allows (telemetry_from). Acts that were
-- taken back before the window ended do not count.
-- fmt: off
select
    w.participant as participant,
    w.wave as wave,
    wanted as key,
    toInt64(arrayCount(day -> day >= w.since_on and day < w.end_on, given.days)) - arraySum(
        (day, until, acts) -> if(day >= w.since_on and day < w.end_on and until < w.end_on, acts, 0),
        gone.days, gone.untils, gone.acts
    ) as value
from windows as w
array join {functions:Array(String)} as wanted
left join (
    select participant_id, function, groupArray(day) as days
    from acts
    group by participant_id, function
) as given
on given.participant_id = w.participant_id and given.function = wanted
left join (
    select
        participant_id,
        function,
        groupArray(used_on) as days,
        groupArray(withdrawn_on) as untils,
        groupArray(acts) as acts
    from withdrawn_acts
    group by participant_id, function
) as gone
on gone.participant_id = w.participant_id and gone.function = wanted
