-- Acts of the function up to the end of the window, in windows or not.
-- of: function
-- over: to date
-- unit: events
-- null: consent or the log does not cover all the time until the window ends
-- gaps: prorated
-- From enrolment, or from the start of the person's first window if that is earlier,
-- but never from before their use may be looked at (telemetry_from). Acts that were
-- taken back before the window ended do not count.
-- fmt: off
select
    lower(hex(w.participant_id)) as participant,
    w.wave as wave,
    wanted as key,
    toInt64(arrayCount(day -> day >= w.since_on and day < w.end_on, given.days)) - arraySum(
        (day, until, acts) -> if(day >= w.since_on and day < w.end_on and until < w.end_on, acts, 0),
        gone.days, gone.untils, gone.acts
    ) as value
from exposure_windows as w final
array join {functions:Array(String)} as wanted
left join (
    select participant_id, function, groupArray(toDate(occurred_at, {zone:String})) as days
    from events final
    where
        function in {functions:Array(String)}
        and recorded_at <= {as_of:DateTime64(6)}
        and not arrayExists(
            (name, start, end) -> name = function
            and toUnixTimestamp64Micro(occurred_at) >= start
            and toUnixTimestamp64Micro(occurred_at) < end,
            {lost:Array(String)}, {lost_from:Array(Int64)}, {lost_to:Array(Int64)}
        )
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
where w.panel = {panel:String}
