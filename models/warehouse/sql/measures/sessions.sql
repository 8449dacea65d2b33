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
        (first, last) -> toDate(first, {zone:String}) < w.end_on
        and toDate(last, {zone:String}) >= w.start_on,
        sessions.starts,
        sessions.ends
    ) as value
from windows as w
left join sessions on sessions.participant_id = w.participant_id
