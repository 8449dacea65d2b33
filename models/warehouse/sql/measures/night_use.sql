-- Nights with use of any of the study's functions.
-- of: person
-- over: window
-- unit: days
-- null: consent or the log does not cover the whole window
-- gaps: not known
-- Study-local days of the window with an act from 0:00 to before 5:00 by the clock of
-- the study. Acts that were taken back count, as the person was active.
select
    w.participant as participant,
    w.wave as wave,
    arrayCount(day -> day >= w.start_on and day < w.end_on, nights.days) as value
from windows as w
left join
    (
        select participant_id, groupUniqArray(day) as days
        from acts
        where toHour(occurred_at, {zone:String}) < 5
        group by participant_id
    ) as nights
    on nights.participant_id = w.participant_id
