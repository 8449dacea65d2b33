-- Runs of acts of any of the study's functions, parted by pauses.
-- of: person
-- over: window
-- unit: sessions
-- null: consent or the log does not cover the whole window
-- gaps: not known
-- Two acts of a person belong to one session where no more than 30 minutes lie between
-- neighbours. A session counts in every window that holds one of its acts, so one that
-- runs past midnight at a window's end counts in the next one too. What became of an
-- act is not asked: who takes one back was there all the same.
select
    lower(hex(w.participant_id)) as participant,
    w.wave as wave,
    arrayCount(
        (first, last) -> first < w.end_on and last >= w.start_on,
        sessions.firsts,
        sessions.lasts
    ) as value
from exposure_windows as w final
left join
    (
        select
            participant_id,
            arraySort(groupArray(toUnixTimestamp64Micro(occurred_at))) as acts,
            arrayMap(
                (act, before) -> act - before > 1800000000,
                acts,
                arrayPushFront(arrayPopBack(acts), -1800000001)
            ) as begins,
            arrayFilter((act, new) -> new, acts, begins) as first_acts,
            arrayFilter(
                (act, new) -> new, acts, arrayPushBack(arrayPopFront(begins), true)
            ) as last_acts,
            arrayMap(
                act -> toDate(fromUnixTimestamp64Micro(act, 'UTC'), {zone:String}),
                first_acts
            ) as firsts,
            arrayMap(
                act -> toDate(fromUnixTimestamp64Micro(act, 'UTC'), {zone:String}),
                last_acts
            ) as lasts
        from events final
        where
            function in {functions:Array(String)}
            and recorded_at <= {as_of:DateTime64(6)}
        group by participant_id
    ) as sessions
    on sessions.participant_id = w.participant_id
where w.panel = {panel:String}
