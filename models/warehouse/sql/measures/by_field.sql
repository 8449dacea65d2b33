-- Acts whose field has this value.
-- of: value
-- over: window
-- unit: events
-- null: consent or the log does not cover the whole window
-- gaps: prorated
-- One column for each type of act that counts towards a function of the study, and
-- each value that the catalogue allows in the field. Acts that were taken back before
-- the window ended do not count.
-- fmt: off
select
    w.participant as participant,
    w.wave as wave,
    column as key,
    toInt64(arrayCount(day -> day >= w.start_on and day < w.end_on, given.days)) - arraySum(
        (day, until, acts) -> if(day >= w.start_on and day < w.end_on and until < w.end_on, acts, 0),
        gone.days, gone.untils, gone.acts
    ) as value
from windows as w
array join {types:Array(String)} as wanted, {words:Array(String)} as wanted_word, {columns:Array(String)} as column
left join (
    select participant_id, event_type, JSONExtractString(data, {field:String}) as word, groupArray(day) as days
    from acts
    where event_type in {types:Array(String)}
    group by participant_id, event_type, word
) as given
on given.participant_id = w.participant_id and given.event_type = wanted and given.word = wanted_word
left join (
    select
        participant_id,
        event_type,
        JSONExtractString(data, {field:String}) as word,
        groupArray(used_on) as days,
        groupArray(withdrawn_on) as untils,
        groupArray(acts) as acts
    from withdrawn_acts
    group by participant_id, event_type, word
) as gone
on gone.participant_id = w.participant_id and gone.event_type = wanted and gone.word = wanted_word
