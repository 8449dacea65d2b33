-- Runs of acts of any of the study's functions, separated by pauses.
-- of: person
-- over: window
-- unit: sessions
-- null: consent or the log does not cover the whole window
-- gaps: not known
-- Consecutive acts of a person belong to one session if there are at most 30 minutes
-- between them. A session counts in every window with one of its acts, so a session
-- that runs past midnight at the end of a window also counts in the next window. Acts
-- that were taken back count, as the person was active.
select
    w.participant as participant,
    w.wave as wave,
    arrayCount(
        (first, last) -> first < w.end_on and last >= w.start_on,
        sessions.firsts,
        sessions.lasts
    ) as value
from windows as w
left join
    (
        select
            participant_id,
            arraySort(groupArray(occurred_at)) as acts,
            arrayMap(
                (act, before) -> act > before + interval 30 minute,
                acts,
                arrayPushFront(arrayPopBack(acts), toDateTime64(0, 6, 'UTC'))
            ) as begins,
            arrayMap(
                act -> toDate(act, {zone:String}),
                arrayFilter((act, first) -> first, acts, begins)
            ) as firsts,
            arrayMap(
                act -> toDate(act, {zone:String}),
                arrayFilter(
                    (act, last) -> last,
                    acts,
                    arrayPushBack(arrayPopFront(begins), true)
                )
            ) as lasts
        from acts
        group by participant_id
    ) as sessions
    on sessions.participant_id = w.participant_id
